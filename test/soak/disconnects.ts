import type { Random } from "../../drivers/local/random.ts";
import { Crowd } from "./crowd.ts";
import { quantile } from "./figures.ts";
import type { End } from "./http-client.ts";
import { comesToBe, until } from "./poll.ts";
import { below, type Scenario } from "./scenario.ts";
import { Site } from "./site.ts";

const AT_ONCE = 50;
const SLOTS = 16;
/** Longest until nothing is generated for clients that are gone, beyond a step. */
const STOPPED_MS = 200;

export const disconnects: Scenario = {
  name: "disconnects",
  about: `Clients leave at a random token, ${AT_ONCE} at once on ${SLOTS} slots: half of them in a stream by closing the connection, a quarter by a reset, a quarter without having read anything.`,
  size: 1000,
  async run({ size, random }) {
    const site = await Site.start({ parallel: SLOTS });
    try {
      const files = site.openFiles;
      const ends: End[] = [];
      const stoppedMs: number[] = [];
      for (let sent = 0; sent < size; sent += AT_ONCE) {
        const batch = await leaveAtRandom(site, Math.min(AT_ONCE, size - sent), random);
        ends.push(...batch);
        stoppedMs.push(await until("free slots", () => site.idle(), 10_000));
      }
      const logged = () => site.gateway.output().match(/"path":"\/v1\/chat\/completions"/g)?.length ?? 0;
      // The load's own question has a line, too.
      await comesToBe(() => logged() > ends.length && site.openFiles <= files, 5000);
      const count = (kind: End["kind"]) => ends.filter((end) => end.kind === kind).length;
      return [
        { what: "requests", value: ends.length, most: null },
        { what: "left", value: count("left"), most: null },
        { what: "answered before that", value: count("answered"), most: null },
        { what: "other ends", value: ends.length - count("left") - count("answered"), most: 0 },
        { what: "until all slots are free, median", value: quantile(stoppedMs, 0.5), most: null, unit: "ms" },
        {
          what: "until all slots are free, p99",
          value: quantile(stoppedMs, 0.99),
          most: STOPPED_MS,
          unit: "ms",
        },
        {
          what: "lines of the log beyond one a request",
          value: Math.abs(logged() - 1 - ends.length),
          most: 0,
        },
        { what: "open files gained", value: site.openFiles - files, most: 2 },
        { what: "engines lost", value: (await site.facts()).restarts, most: 0 },
      ];
    } finally {
      await site.gateway.stop("SIGKILL");
    }
  },
};

/** Sends requests and leaves each at its own moment, told by the pieces that all of them have got. */
async function leaveAtRandom(site: Site, size: number, random: Random): Promise<End[]> {
  const crowd = new Crowd(size, (index, onData) =>
    site.long(`Leave ${index}`, { stream: index % 4 !== 3 }, onData),
  );
  await until("all requests", async () => (await site.present()) >= size, 10_000);
  const moments = crowd.exchanges
    .map((exchange, index) => ({ exchange, index, at: below(random, 1000) }))
    .toSorted((a, b) => a.at - b.at);
  let passed = 0;
  for (const { exchange, index, at } of moments) {
    await crowd.morePieces(at - passed);
    passed = at;
    exchange.leave(index % 4 === 2 ? "reset" : "close");
  }
  return crowd.ends;
}

import type { Random } from "../../drivers/local/random.ts";
import { type End, exchange } from "./http-client.ts";
import { comesToBe } from "./poll.ts";
import { below, type Scenario } from "./scenario.ts";
import { residentBytes, Site } from "./site.ts";

const CLIENTS = 8;
/** Share of the requests after which memory is taken to have found its size. */
const WARM_UP = 0.25;
const MB = 1024 * 1024;
const GROWTH_MB = 64;
/** So that growth is what is kept, and not what has yet to be collected. */
const SMALL_HEAP = "--max-old-space-size=64";

export const endurance: Scenario = {
  name: "endurance",
  about: `Short requests by ${CLIENTS} clients: of 20, two are left, one is wrong, the others are answered, half of them as streams.`,
  size: 20_000,
  async run({ size, random, expired }) {
    const site = await Site.start({ parallel: 4 }, { NODE_OPTIONS: SMALL_HEAP });
    try {
      const engine = await site.engine();
      const memory = () => ({ gateway: residentBytes(site.pid) / MB, engine: residentBytes(engine) / MB });
      const files = site.openFiles;
      const counts = { answered: 0, refused: 0, left: 0, "broken off": 0, unclean: 0 };
      let sent = 0;
      let warm = memory();
      const client = async () => {
        while (sent < size && !expired()) {
          sent += 1;
          if (sent === Math.round(size * WARM_UP)) warm = memory();
          counts[(await short(site, random, sent)).kind] += 1;
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, client));
      const after = memory();
      await comesToBe(() => site.openFiles <= files, 5000);
      return [
        { what: "requests", value: sent, most: null },
        { what: "answered", value: counts.answered, most: null },
        { what: "left", value: counts.left, most: null },
        { what: "wrong, and refused", value: counts.refused, most: Math.ceil(sent / 20) },
        { what: "other ends", value: counts["broken off"] + counts.unclean, most: 0 },
        { what: "memory of the gateway after the warm-up", value: warm.gateway, most: null, unit: "MB" },
        {
          what: "its growth from there",
          value: after.gateway - warm.gateway,
          most: GROWTH_MB,
          unit: "MB",
        },
        { what: "memory of the engine after the warm-up", value: warm.engine, most: null, unit: "MB" },
        { what: "its growth from there", value: after.engine - warm.engine, most: GROWTH_MB, unit: "MB" },
        { what: "open files gained", value: site.openFiles - files, most: 2 },
        { what: "engines lost", value: (await site.facts()).restarts, most: 0 },
        { what: "slots or waiters left behind", value: (await site.idle()) ? 0 : 1, most: 0 },
      ];
    } finally {
      await site.gateway.stop("SIGKILL");
    }
  },
};

/** One request: every 20th is wrong, two of 20 are left with the first of the answer, the others are short. */
function short(site: Site, random: Random, number: number): Promise<End> {
  const question = `What is ${number} times ${below(random, 1000)}?`;
  switch (number % 20) {
    case 0:
      return exchange(site.chatUrl, { model: "dolly-v2-tiny", messages: [], temperature: -1 });
    case 1:
    case 11: {
      const stream = site.long(question, { max_tokens: 200 }, () => stream.leave("reset"));
      return stream.ended;
    }
    default:
      return site.long(question, { max_tokens: 1 + below(random, 8), stream: number % 2 === 0 }).ended;
  }
}

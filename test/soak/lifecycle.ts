import type { Random } from "../../drivers/local/random.ts";
import { largest } from "./figures.ts";
import type { End } from "./http-client.ts";
import { comesToBe } from "./poll.ts";
import { below, type Scenario } from "./scenario.ts";
import { children, Site } from "./site.ts";

const CLIENTS = 8;
/** Longest that anything may take. */
const DEADLOCK_MS = 10_000;
/** What a request may be refused with while its model comes and goes. */
const EXPECTED = ["", "engine_unavailable", "engine_crashed", "model_load_failed"];

export const lifecycle: Scenario = {
  name: "load and unload",
  about: `${CLIENTS} clients at once load the model, unload it, ask it, leave it or kill its engine, in random order.`,
  size: 1000,
  async run({ size, random }) {
    const site = await Site.start({ parallel: 4 });
    try {
      await site.admin("unload");
      const files = site.openFiles;
      const took: number[] = [];
      const ends: End[] = [];
      let left = size;
      const client = async (number: number) => {
        while (left > 0) {
          left -= 1;
          const since = performance.now();
          const end = await step(site, random, number);
          took.push(end.at - since);
          ends.push(end);
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
      await site.admin("unload");
      const last = await site.ask();
      await site.admin("unload");
      const odd = ends.filter(({ kind, code }) => kind !== "left" && !EXPECTED.includes(code));
      const gone = await comesToBe(() => children(site.pid).length === 0 && site.openFiles <= files, 5000);
      return [
        { what: "steps", value: ends.length, most: null },
        { what: "answered", value: ends.filter(({ kind }) => kind === "answered").length, most: null },
        { what: "refused", value: ends.filter(({ kind }) => kind === "refused").length, most: null },
        { what: "unexpected ends", value: odd.length, most: 0 },
        { what: "slowest step", value: largest(took), most: DEADLOCK_MS, unit: "ms" },
        { what: "unanswered questions at the end", value: last.kind === "answered" ? 0 : 1, most: 0 },
        { what: "processes or open files left once it is unloaded", value: gone ? 0 : 1, most: 0 },
      ];
    } finally {
      await site.gateway.stop("SIGKILL");
    }
  },
};

async function step(site: Site, random: Random, client: number): Promise<End> {
  const choice = below(random, 100);
  if (choice < 20) return site.admin("load");
  if (choice < 35) return site.admin("unload");
  if (choice < 37) {
    const engine = children(site.pid).find(({ zombie }) => !zombie);
    if (engine !== undefined) process.kill(engine.pid, "SIGKILL");
  }
  if (choice < 85) return site.ask(1 + below(random, 64));
  const stream = site.long(`${client}`, {}, () => stream.leave("close"));
  return stream.ended;
}

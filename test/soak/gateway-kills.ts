import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Random } from "../../drivers/local/random.ts";
import { Crowd } from "./crowd.ts";
import { largest } from "./figures.ts";
import { until } from "./poll.ts";
import { below, type Scenario } from "./scenario.ts";
import { runs, Site } from "./site.ts";

const GONE_MS = 5000;

export const gatewayKills: Scenario = {
  name: "gateway kills",
  about:
    "The gateway is killed while its engine generates 4 streams, or has just been started; then another gateway is started in its place.",
  size: 20,
  async run({ size, random }) {
    const cache = mkdtempSync(join(tmpdir(), "dolly-soak-"));
    const goneMs: number[] = [];
    let unanswered = 0;
    try {
      for (let round = 0; round < size; round += 1) {
        const site = await Site.start({ parallel: 4 }, { DOLLY_CACHE: cache });
        const crowd = round % 2 === 0 ? await generating(site, random) : await loading(site);
        const engine = await site.engine();
        await site.gateway.stop("SIGKILL");
        goneMs.push(await until("the engine's end", () => !runs(engine), 60_000));
        const ends = await crowd.ends;
        unanswered += ends.filter(({ kind }) => kind !== "unclean" && kind !== "answered").length;
      }
    } finally {
      rmSync(cache, { recursive: true, force: true });
    }
    return [
      { what: "kills", value: size, most: null },
      { what: "slowest end of the engine", value: largest(goneMs), most: GONE_MS, unit: "ms" },
      { what: "requests that went on", value: unanswered, most: 0 },
    ];
  },
};

async function generating(site: Site, random: Random): Promise<Crowd> {
  const crowd = new Crowd(4, (index, onData) => site.long(`${index}`, {}, onData));
  await crowd.morePieces(1 + below(random, 500));
  return crowd;
}

async function loading(site: Site): Promise<Crowd> {
  await site.admin("unload");
  return new Crowd(1, () => site.long("What is new?"));
}

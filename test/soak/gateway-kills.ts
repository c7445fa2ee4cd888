import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Crowd } from "./crowd.ts";
import { largest } from "./figures.ts";
import { until } from "./poll.ts";
import { below, type Scenario } from "./scenario.ts";
import { runs, Site } from "./site.ts";

const GONE_MS = 5000;

export const gatewayKills: Scenario = {
  name: "gateway kills",
  about:
    "The gateway is killed while its engine generates 4 streams; then another one is started in its place.",
  size: 20,
  async run({ size, random }) {
    const cache = mkdtempSync(join(tmpdir(), "dolly-soak-"));
    const goneMs: number[] = [];
    let unanswered = 0;
    try {
      for (let round = 0; round < size; round += 1) {
        const site = await Site.start({ parallel: 4 }, { DOLLY_CACHE: cache });
        const engine = await site.engine();
        const crowd = new Crowd(4, (index, onData) => site.long(`${index}`, {}, onData));
        await crowd.morePieces(1 + below(random, 500));
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
      { what: "streams that went on", value: unanswered, most: 0 },
    ];
  },
};

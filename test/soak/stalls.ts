import { Crowd } from "./crowd.ts";
import { type Figure, largest } from "./figures.ts";
import { getJson } from "./http-client.ts";
import { below, type Scenario } from "./scenario.ts";
import { Site } from "./site.ts";

const SLOTS = 16;
const STALL_S = 2;
/** Longest beyond `stall_timeout` until every request has ended. */
const END_MS = 2000;
const BACK_MS = 3000;

export const stalls: Scenario = {
  name: "stalled engines",
  about: `The engine is stopped by SIGSTOP under ${SLOTS} streams, or while nothing but a readiness probe asks for it; stall_timeout is ${STALL_S} s.`,
  size: 10,
  async run({ size, random }) {
    const site = await Site.start({ parallel: SLOTS, stall_timeout: STALL_S });
    try {
      const loadMs = await site.loadMs();
      const endMs: number[] = [];
      const backMs: number[] = [];
      let unclean = 0;
      let strays = 0;
      for (let round = 0; round < size; round += 1) {
        const streams = round % 2 === 0 ? SLOTS : 0;
        const crowd = new Crowd(streams, (index, onData) => site.long(`${round} ${index}`, {}, onData));
        await crowd.morePieces(1 + below(random, 1000));
        process.kill(await site.engine(), "SIGSTOP");
        const stoppedAt = performance.now();
        if (streams === 0) await getJson(`${site.gateway.address}/ready`);
        const ends = await crowd.ends;
        unclean += ends.filter(({ kind, code }) => kind !== "broken off" || code !== "engine_crashed").length;
        endMs.push(performance.now() - stoppedAt);
        const back = await site.ask();
        if (back.kind !== "answered") unclean += 1;
        backMs.push(back.at - stoppedAt);
        strays += site.strayProcesses;
      }
      const within = STALL_S * 1000 + END_MS;
      return [
        { what: "stops", value: size, most: null },
        { what: "ends that are no error frame", value: unclean, most: 0 },
        { what: "slowest end after a stop", value: largest(endMs), most: within, unit: "ms" },
        { what: "slowest next answer", value: largest(backMs), most: within + BACK_MS + loadMs, unit: "ms" },
        { what: "processes left behind", value: strays, most: 0 },
        { what: "slots or waiters left behind", value: (await site.idle()) ? 0 : 1, most: 0 },
      ] satisfies Figure[];
    } finally {
      await site.gateway.stop("SIGKILL");
    }
  },
};

import { Crowd } from "./crowd.ts";
import { Exchange } from "./http-client.ts";
import { comesToBe, until } from "./poll.ts";
import type { Scenario } from "./scenario.ts";
import { Site } from "./site.ts";

const LEAVING_SHARE = 0.8;

export const abandonedQueue: Scenario = {
  name: "abandoned queue",
  about: `While the only slot is held, so many requests wait and ${LEAVING_SHARE * 100} % of them leave before it is free.`,
  size: 500,
  async run({ size }) {
    const site = await Site.start({ parallel: 1, max_queue: size + 1 });
    try {
      const leaving = Math.round(size * LEAVING_SHARE);
      const holder = new Exchange(`${site.gateway.address}/v1/completions`, "POST", {
        model: "dolly-v2-tiny",
        prompt: "Once",
        best_of: 20,
        max_tokens: 900,
        logit_bias: { "0": -100, "6141": -100 },
      });
      let held = true;
      void holder.ended.then(() => {
        held = false;
      });
      await until("a busy slot", async () => (await site.facts()).busy === 1, 10_000);
      const crowd = new Crowd(size, (index) => site.long(`Wait ${index}`, { max_tokens: 1 }));
      await until("a full queue", async () => (await site.facts()).waiting === size, 30_000);
      for (const one of crowd.exchanges.slice(0, leaving)) one.leave("close");
      await until("an emptier queue", async () => (await site.facts()).waiting === size - leaving, 30_000);
      const heldOn = held;
      holder.leave("close");
      const ends = await crowd.ends;
      const lines = () => leaversLines(site.gateway.output());
      await comesToBe(() => lines().length === leaving, 5000);
      const reached = lines().filter(
        (line) => !line.includes('"prompt_tokens":0,') || !line.includes('"completion_tokens":0,'),
      );
      const answered = ends.slice(leaving).filter(({ kind }) => kind === "answered").length;
      return [
        { what: "waited", value: size, most: null },
        { what: "left", value: leaving, most: null },
        { what: "holders of the slot that ended before they had left", value: heldOn ? 0 : 1, most: 0 },
        { what: "left, and yet not told so in the log", value: leaving - lines().length, most: 0 },
        { what: "left, and yet computed", value: reached.length, most: 0 },
        { what: "stayed, and yet not answered", value: size - leaving - answered, most: 0 },
        { what: "slots or waiters left behind", value: (await site.idle()) ? 0 : 1, most: 0 },
      ];
    } finally {
      await site.gateway.stop("SIGKILL");
    }
  },
};

/** The log's lines of those that left. */
const leaversLines = (log: string): string[] =>
  log.split("\n").filter((line) => line.includes('"path":"/v1/chat/completions","status":499'));

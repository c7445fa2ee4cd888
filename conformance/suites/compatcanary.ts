import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { npmWith } from "../npm.ts";
import { execute } from "../processes.ts";
import type { Case, Suite } from "../suite.ts";

const RELEASE = "0.2.2";
const PROFILES = ["chat", "modern"] as const;

const reportSchema = z.object({
  score: z.number(),
  results: z.array(z.object({ id: z.string(), status: z.string(), summary: z.string() })),
});

/** Its probes in both profiles, and its score of each. */
export const compatcanary: Suite = {
  name: "CompatCanary",
  about: `compatcanary ${RELEASE}: its probes in the profiles \`chat\` and \`modern\`, and that the score of each is 100`,
  needs: ["npm"],
  atLeast: 14,
  excuses: [],
  async run({ base, work, note }) {
    await npmWith([`compatcanary@${RELEASE}`], { work, note });
    const cases: Case[] = [];
    for (const profile of PROFILES) {
      const report = join(work, `${profile}.json`);
      await rm(report, { force: true });
      const program = join(work, "node_modules", "compatcanary", "src", "cli.js");
      const asked = ["--base-url", `${base}/v1`, "--model", "dolly-v2-tiny", "--profile", profile];
      const told = ["--format", "json", "--output", report, "--fail-on", "never"];
      await execute(process.execPath, [program, "scan", ...asked, ...told], { cwd: work, note });
      const { score, results } = reportSchema.parse(JSON.parse(await readFile(report, "utf8")));
      cases.push(
        ...results.map(({ id, status, summary: detail }): Case => {
          const outcome = status === "pass" ? "passed" : "failed";
          return { name: `${profile}: ${id}`, outcome, detail: `${status}: ${detail}` };
        }),
        {
          name: `${profile}: the score is 100`,
          outcome: score === 100 ? "passed" : "failed",
          detail: `it is ${score}`,
        },
      );
    }
    return cases;
  },
};

import { npmWith } from "../npm.ts";
import { execute } from "../processes.ts";
import type { Suite } from "../suite.ts";
import { toldCases } from "../told-cases.ts";

/** The Vercel AI SDK. */
export const aiSdk: Suite = {
  name: "Vercel AI SDK",
  about:
    "`ai` 7.0.173 with `@ai-sdk/openai-compatible` and `@ai-sdk/openai`: texts, objects, tools and responses, streaming and not",
  needs: ["npm"],
  atLeast: 11,
  excuses: [],
  run: (surroundings) =>
    toldCases(surroundings, "js", async (options) => {
      const packages = ["ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92", "@ai-sdk/openai@4.0.118"];
      await npmWith(packages, surroundings);
      await execute(process.execPath, ["ai-sdk.mjs"], options);
    }),
};

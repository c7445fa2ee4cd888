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

const RELEASE = "7.57.0";

/** OpenAI's own client for Node. */
export const openaiNode: Suite = {
  name: "openai for Node",
  about: `openai ${RELEASE} for Node: chat, completions, responses and models with the SDK's helpers, its classes of errors, aborted and late requests, and its retries`,
  needs: ["npm"],
  atLeast: 27,
  excuses: [],
  run: (surroundings) =>
    toldCases(surroundings, "js", async (options) => {
      await npmWith([`openai@${RELEASE}`, "zod@4.6.7"], surroundings);
      await execute(process.execPath, ["openai-node.mjs"], options);
    }),
};

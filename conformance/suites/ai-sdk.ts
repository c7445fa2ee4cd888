import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readCases } from "../cases.ts";
import { execute, succeed } from "../processes.ts";
import type { Suite } from "../suite.ts";

/** The Vercel AI SDK. */
export const aiSdk: Suite = {
  name: "Vercel AI SDK",
  about:
    "`ai` 7.0.173 with `@ai-sdk/openai-compatible` and `@ai-sdk/openai`: texts, objects, tools and responses, streaming and not",
  needs: ["npm"],
  atLeast: 11,
  excuses: [],
  async run({ base, work, folder, note }) {
    await writeFile(join(work, "package.json"), '{ "private": true, "type": "module" }');
    const packages = ["ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92", "@ai-sdk/openai@4.0.118"];
    await succeed("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages], {
      cwd: work,
      note,
    });
    await copyFile(join(folder, "js", "ai-sdk.mjs"), join(work, "ai-sdk.mjs"));
    let told = "";
    const listen = (text: string): void => {
      told += text;
      note(text);
    };
    await execute(process.execPath, ["ai-sdk.mjs"], {
      cwd: work,
      note: listen,
      env: { BASE_URL: `${base}/v1` },
    });
    const lines = told.split("\n").filter((line) => line.startsWith('{"name"'));
    await writeFile(join(work, "cases.jsonl"), lines.join("\n"));
    return readCases(join(work, "cases.jsonl"));
  },
};

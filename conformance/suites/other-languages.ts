import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readCases } from "../cases.ts";
import { execute, succeed } from "../processes.ts";
import type { Case, Suite, Surroundings } from "../suite.ts";

/** Copies a program of this folder, and runs it; it tells a line of JSON for each case. */
async function told(
  { base, folder, work, note }: Surroundings,
  language: string,
  run: (
    cwd: string,
    options: { note: (text: string) => void; env: Record<string, string> },
  ) => Promise<unknown>,
): Promise<Case[]> {
  await cp(join(folder, language), work, { recursive: true });
  let text = "";
  await run(work, {
    note: (said) => {
      text += said;
      note(said);
    },
    env: { BASE_URL: `${base}/v1` },
  });
  const lines = text.match(/\{.*"outcome".*\}/g) ?? [];
  await writeFile(join(work, "cases.jsonl"), lines.join("\n"));
  return readCases(join(work, "cases.jsonl"));
}

export const go: Suite = {
  name: "openai-go",
  about: "github.com/openai/openai-go/v3 3.96.0, the official client for Go",
  needs: ["go"],
  atLeast: 9,
  excuses: [],
  run: (surroundings) =>
    told(surroundings, "go", async (cwd, options) => {
      await succeed("go", ["mod", "tidy"], { cwd, note: surroundings.note });
      await execute("go", ["run", "."], { cwd, ...options });
    }),
};

export const rust: Suite = {
  name: "async-openai",
  about: "async-openai 0.43.0, for Rust, whose types are closed",
  needs: ["cargo"],
  atLeast: 7,
  excuses: [],
  run: (surroundings) =>
    told(surroundings, "rust", (cwd, options) => execute("cargo", ["run", "--quiet"], { cwd, ...options })),
};

export const java: Suite = {
  name: "openai-java",
  about: "com.openai:openai-java 4.0.0, the official client for Java, with its validation of answers on",
  needs: ["mvn", "java"],
  atLeast: 7,
  excuses: [],
  run: (surroundings) =>
    told(surroundings, "java", (cwd, options) => {
      const goals = [
        "compile",
        "org.codehaus.mojo:exec-maven-plugin:3.5.0:java",
        "-Dexec.mainClass=Conformance",
      ];
      return execute("mvn", ["-q", "-B", ...goals], { cwd, ...options });
    }),
};

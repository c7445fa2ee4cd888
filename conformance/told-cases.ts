import { cp } from "node:fs/promises";
import { join } from "node:path";
import { casesIn } from "./cases.ts";
import type { Case, Surroundings } from "./suite.ts";

interface RunOptions {
  readonly cwd: string;
  readonly note: (text: string) => void;
  readonly env: Readonly<Record<string, string>>;
}

/** Copies a program of this folder, and runs it; it tells a line of JSON for each case. */
export async function toldCases(
  { base, folder, work, note }: Surroundings,
  program: string,
  run: (options: RunOptions) => Promise<unknown>,
): Promise<Case[]> {
  await cp(join(folder, program), work, { recursive: true });
  let text = "";
  const listen = (said: string): void => {
    text += said;
    note(said);
  };
  await run({ cwd: work, note: listen, env: { BASE_URL: `${base}/v1` } });
  return casesIn((text.match(/\{.*"outcome".*\}/g) ?? []).join("\n"));
}

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readCases } from "./cases.ts";
import { execute, succeed } from "./processes.ts";
import type { Case, Surroundings } from "./suite.ts";

/** A Python environment with these packages in the suite's folder, made once; gives its interpreter. */
export async function pythonWith(packages: readonly string[], { work, note }: Surroundings): Promise<string> {
  const python = join(work, "venv", "bin", "python");
  if (!existsSync(python)) await succeed("python3", ["-m", "venv", join(work, "venv")], { note });
  await succeed(python, ["-m", "pip", "install", "-q", "--disable-pip-version-check", ...packages], { note });
  return python;
}

/** Runs pytest with the plugin of this folder that tells of each case. */
export async function pytest(
  python: string,
  args: readonly string[],
  { base, work, folder, note }: Surroundings,
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Case[]> {
  const report = join(work, "cases.jsonl");
  await rm(report, { force: true });
  const env = {
    PYTHONPATH: join(folder, "python"),
    CASES: report,
    BASE_URL: `${base}/v1`,
    OPENAI_BASE_URL: `${base}/v1`,
    OPENAI_API_KEY: "unused",
    ...options.env,
  };
  await execute(python, ["-m", "pytest", "-p", "tell_cases", "-q", "--no-header", "--tb=line", ...args], {
    cwd: options.cwd,
    env,
    note,
  });
  return readCases(report);
}

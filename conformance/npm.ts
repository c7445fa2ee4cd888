import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { succeed } from "./processes.ts";
import type { Surroundings } from "./suite.ts";

/** These packages in the suite's folder, none of whose scripts are run. */
export async function npmWith(
  packages: readonly string[],
  { work, note }: Pick<Surroundings, "work" | "note">,
): Promise<void> {
  await writeFile(join(work, "package.json"), '{ "private": true, "type": "module" }');
  const install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages];
  await succeed("npm", install, { cwd: work, note });
}

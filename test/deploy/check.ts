import { join } from "node:path";
import { find, type Ran } from "./tools.ts";

/** One thing that is checked with tools that not every machine has. */
export interface Check {
  readonly name: string;
  /** Tools, each under any of the names of its list. */
  readonly needs: readonly Tool[];
  /** Throws where it fails; gives what was seen. `tools`: paths, in the order of `needs`. */
  run(tools: readonly string[]): Promise<string>;
}

export interface Tool {
  readonly names: readonly string[];
  /** How to get it. */
  readonly install: string;
  /** Whether what was found does what is needed; absent: it does. */
  works?(path: string): Promise<boolean>;
}

export type Outcome =
  | { readonly kind: "passed"; readonly seen: string }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "skipped"; readonly missing: readonly Tool[] };

export const root = join(import.meta.dirname, "..", "..");
export const deploy = join(root, "deploy");

export async function perform({ needs, run }: Check): Promise<Outcome> {
  const found = await Promise.all(needs.map(locate));
  const missing = needs.filter((_tool, index) => found[index] === undefined);
  if (missing.length > 0) return { kind: "skipped", missing };
  try {
    return { kind: "passed", seen: await run(found.filter((path) => path !== undefined)) };
  } catch (error) {
    return { kind: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** What a command printed; throws it where the command failed. */
export function succeeded({ status, output }: Ran): string {
  if (status !== 0) throw new Error(output.trim() === "" ? `exit status ${status}` : output.trim());
  return output.trim();
}

async function locate({ names, works }: Tool): Promise<string | undefined> {
  for (const path of names.map(find)) {
    if (path !== undefined && (works === undefined || (await works(path)))) return path;
  }
  return undefined;
}

import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** How a command ended. */
export interface Ran {
  readonly status: number;
  /** Both streams, as they came. */
  readonly output: string;
  readonly stdout: string;
}

/** Where a command is on the PATH. */
export function find(tool: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, tool)).find(isExecutable);
}

/** Runs a command to its end; `input` is what it reads. */
export function run(
  command: string,
  args: readonly string[],
  { cwd, input, env = {} }: { cwd?: string; input?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>();
  const options = { cwd, maxBuffer: 1 << 26, env: { ...process.env, ...env } };
  const child = execFile(command, args, options, (error, stdout, stderr) => {
    const status = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
    resolve({ status, output: stdout + stderr, stdout });
  });
  child.stdin?.end(input);
  return promise;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

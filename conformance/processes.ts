import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Runs a program to its end; its output goes to `note`. Rejects where it cannot be started. */
export function execute(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly note: (text: string) => void;
  },
): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...options.env };
    const child = spawn(command, args, {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.cwd ? { cwd: options.cwd } : {}),
    });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", options.note);
    child.once("error", reject);
    child.once("close", resolve);
  });
}

/** As `execute`; throws where the program fails. */
export async function succeed(...[command, args, options]: Parameters<typeof execute>): Promise<void> {
  const status = await execute(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 3).join(" ")} … ended with status ${status}`);
}

/** Whether a program is on the PATH. */
export const atHand = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

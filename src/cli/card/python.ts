import { spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { OperatorError } from "../../errors.ts";

/** Release of the EleutherAI LM Evaluation Harness that is run. */
export const HARNESS_RELEASE = "0.4.13";
const PACKAGES = [`lm_eval[api]==${HARNESS_RELEASE}`, "transformers"];

const CHECK = "import importlib.metadata as m; print(m.version('lm_eval'))";

export interface PythonSearch {
  /** What the user names; tried alone. */
  readonly named: string | undefined;
  readonly platform: string;
  /** Where an environment is kept. */
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Tells what is being done. */
  note(text: string): void;
}

/**
 * A Python that has the harness: the one that is named, or that of an environment in the cache, which is made by `uv` or by
 * `python3 -m venv` where it is missing. Throws OperatorError that says what to do where none can be had.
 */
export async function harnessPython(search: PythonSearch): Promise<string> {
  const { named, platform, cacheDir, note } = search;
  if (named !== undefined) {
    const found = await run(named, ["-c", CHECK], search);
    if (found.status === 0 && found.output.trim() === HARNESS_RELEASE) return named;
    throw new OperatorError(
      `${named}: has no lm_eval ${HARNESS_RELEASE} (${lastLine(found.output)}). Run: ${named} -m pip install ${quoted(PACKAGES)}`,
    );
  }
  const folder = join(cacheDir, `lm-eval-${HARNESS_RELEASE}`);
  const python = platform === "win32" ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
  const kept = await run(python, ["-c", CHECK], search);
  if (kept.status === 0 && kept.output.trim() === HARNESS_RELEASE) return python;
  note(`installing lm_eval ${HARNESS_RELEASE} in ${folder} (once)\n`);
  await mkdir(cacheDir, { recursive: true });
  await rm(folder, { recursive: true, force: true });
  const failures: string[] = [];
  for (const steps of waysToInstall(folder, python, platform)) {
    const failure = await firstFailure(steps, search);
    if (failure === undefined) return python;
    failures.push(failure);
    await rm(folder, { recursive: true, force: true });
  }
  throw new OperatorError(
    `lm_eval ${HARNESS_RELEASE} could not be installed. It needs Python 3.10 or later, with uv or with venv (on Debian: python3-venv), and a package index; or name a Python that has it with --python.\n${failures.join("\n")}`,
  );
}

type Step = readonly [command: string, ...args: string[]];

function waysToInstall(folder: string, python: string, platform: string): Step[][] {
  const system = platform === "win32" ? "python" : "python3";
  return [
    [
      ["uv", "venv", "--quiet", folder],
      ["uv", "pip", "install", "--quiet", "--python", python, ...PACKAGES],
    ],
    [
      [system, "-m", "venv", folder],
      [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PACKAGES],
    ],
  ];
}

async function firstFailure(steps: readonly Step[], search: PythonSearch): Promise<string | undefined> {
  for (const [command, ...args] of steps) {
    const { status, output } = await run(command, args, search);
    if (status !== 0) return `  ${command} ${args[0]} …: ${lastLine(output)}`;
  }
  return undefined;
}

async function run(
  command: string,
  args: readonly string[],
  { env, signal }: PythonSearch,
): Promise<{ status: number | null; output: string }> {
  signal.throwIfAborted();
  const child = spawn(command, args, { env, signal, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  try {
    const [status, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { status, output: status === 0 ? out : `${out}${err}` };
  } catch (error) {
    signal.throwIfAborted();
    return { status: null, output: error instanceof Error ? error.message : String(error) };
  }
}

const lastLine = (output: string): string => output.trim().split("\n").at(-1) || "it said nothing";

const quoted = (packages: readonly string[]): string => packages.map((name) => `'${name}'`).join(" ");

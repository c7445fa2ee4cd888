import { resolve } from "node:path";
import { OperatorError } from "../errors.ts";
import { showProgress } from "./progress.ts";
import { after, type Terminal } from "./terminal.ts";

export const GGUF_TYPES = ["f32", "f16", "bf16", "q8_0", "q4_0"] as const;
export type GgufType = (typeof GGUF_TYPES)[number];

export interface ConvertFlags {
  readonly type: GgufType;
  readonly output: string;
}

/** Converts a checkpoint folder to a GGUF file. SIGINT and SIGTERM stop it, and leave nothing behind. */
export async function convert(source: string, flags: ConvertFlags, terminal: Terminal): Promise<void> {
  const { convertToGguf } = await import("../../drivers/llama-cpp/convert.ts");
  const interrupted = new AbortController();
  const ignoreSignals = terminal.onSignal((signal) => {
    interrupted.abort(new OperatorError(`${signal}: stopped; nothing was written`));
  });
  const output = resolve(terminal.cwd, flags.output);
  const display = showProgress(`converting to ${flags.type}`, {
    note: terminal.note,
    columns: terminal.columns,
    monotonic: () => performance.now(),
    after,
  });
  try {
    const { bytes } = await convertToGguf({
      source: resolve(terminal.cwd, source),
      type: flags.type,
      output,
      signal: interrupted.signal,
      onProgress: (fraction) => display.update({ task: `converting to ${flags.type}`, fraction }),
    });
    display.end();
    terminal.print(`${output}: ${flags.type}, ${bytes} bytes\n`);
  } finally {
    display.end();
    ignoreSignals();
  }
}

import { resolve } from "node:path";
import {
  BLOCKS,
  DEFAULT_BLOCK,
  ONNX_TYPES,
  type Provider,
  typeFault,
} from "../../drivers/onnx/graph/precision.ts";
import { OperatorError } from "../errors.ts";
import { showProgress } from "./progress.ts";
import { after, type Terminal } from "./terminal.ts";

export const FORMATS = ["gguf", "onnx"] as const;
type Format = (typeof FORMATS)[number];

/** Types of the weights, by format. */
export const FORMAT_TYPES = { gguf: ["f32", "f16", "bf16", "q8_0", "q4_0"], onnx: ONNX_TYPES } as const;

export interface ConvertFlags {
  readonly to: Format;
  readonly type: string;
  readonly block?: string;
  readonly provider?: Provider;
  readonly output: string;
}

interface Work {
  readonly source: string;
  readonly output: string;
  readonly onProgress: (fraction: number) => void;
  readonly signal: AbortSignal;
}

/** Converts a checkpoint folder to a model file, or folder. SIGINT and SIGTERM stop it, and leave nothing behind. */
export async function convert(source: string, flags: ConvertFlags, terminal: Terminal): Promise<void> {
  const { type } = flags;
  const start = flags.to === "gguf" ? toGguf(flags) : toOnnx(flags);
  const interrupted = new AbortController();
  const ignoreSignals = terminal.onSignal((signal) => {
    interrupted.abort(new OperatorError(`${signal}: stopped; nothing was written`));
  });
  const output = resolve(terminal.cwd, flags.output);
  const task = `converting to ${type}`;
  const display = showProgress(task, {
    note: terminal.note,
    columns: terminal.columns,
    monotonic: () => performance.now(),
    after,
  });
  try {
    const { bytes } = await start({
      source: resolve(terminal.cwd, source),
      output,
      signal: interrupted.signal,
      onProgress: (fraction) => display.update({ task, fraction }),
    });
    display.end();
    terminal.print(`${output}: ${type}, ${bytes} bytes\n`);
  } finally {
    display.end();
    ignoreSignals();
  }
}

type Start = (work: Work) => Promise<{ readonly bytes: number }>;

function toGguf(flags: ConvertFlags): Start {
  const type = knownType("gguf", flags.type);
  if (flags.block !== undefined) throw usage("--block: only --to onnx has blocks to choose from");
  if (flags.provider !== undefined) throw usage("--provider: only --to onnx has providers to choose from");
  return async (work) => {
    const { convertToGguf } = await import("../../drivers/llama-cpp/convert.ts");
    return convertToGguf({ ...work, type });
  };
}

function toOnnx(flags: ConvertFlags): Start {
  const type = knownType("onnx", flags.type);
  const block =
    flags.block === undefined ? DEFAULT_BLOCK : BLOCKS.find((size) => String(size) === flags.block);
  if (block === undefined) throw usage(`--block ${flags.block}: there are ${BLOCKS.join(", ")}`);
  if (flags.block !== undefined && type !== "q8" && type !== "int4") {
    throw usage(`--block: ${type} has no blocks; q8 and int4 have`);
  }
  const { provider = "cpu" } = flags;
  const fault = typeFault(type, provider);
  if (fault !== undefined) throw usage(`--type: ${fault}`);
  return async ({ output, ...work }) => {
    const { convertToFolder } = await import("../../drivers/onnx/convert-folder.ts");
    return convertToFolder(output, { ...work, type, block, provider });
  };
}

function knownType<To extends Format>(to: To, type: string): (typeof FORMAT_TYPES)[To][number] {
  const known: readonly (typeof FORMAT_TYPES)[To][number][] = FORMAT_TYPES[to];
  const found = known.find((name) => name === type);
  if (found !== undefined) return found;
  throw usage(`--type ${type}: ${to} has ${known.join(", ")}`);
}

const usage = (message: string) => new OperatorError(message, { exitStatus: 2 });

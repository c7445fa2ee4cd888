import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { OperatorError } from "../../src/errors.ts";
import type { NeoxConfig } from "../local/checkpoint/config.ts";
import { NotRepresentable } from "../local/checkpoint/encode-floats.ts";
import { fault, fileFault } from "../local/checkpoint/files.ts";
import { toFloat32 } from "../local/checkpoint/floats.ts";
import { type Checkpoint, type CheckpointHeader, openCheckpoint } from "../local/checkpoint/index.ts";
import { tensorFault, WEIGHT_DTYPES } from "../local/checkpoint/tensor.ts";
import { DEFAULT_ALIGNMENT, padTo, type TensorType, tensorBytes } from "./gguf/format.ts";
import { encodeHeader } from "./gguf/header.ts";
import { ggufMetadata } from "./gguf/metadata.ts";
import { encode } from "./gguf/quantise.ts";
import { planTensors, type TensorPlan } from "./gguf/tensors.ts";

/** Changes whenever the same checkpoint gives another file. */
export const CONVERTER_VERSION = 1;

/** Elements converted at once: a millisecond or two of work between two turns of the event loop; a multiple of any block. */
const CHUNK = 1 << 18;

export interface Conversion {
  /** A checkpoint folder. */
  readonly source: string;
  /** Of the matrices; vectors stay f32. */
  readonly type: TensorType;
  /** The GGUF file; one that exists is replaced once the new one is complete. */
  readonly output: string;
  /** 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

export interface Converted {
  readonly bytes: number;
  /** Of the file; hexadecimal. */
  readonly sha256: string;
}

/**
 * Converts a Hugging Face checkpoint of GPT-NeoX to GGUF, a chunk at a time. The file appears whole or not at all.
 * Throws OperatorError that names file and tensor, or `signal.reason`.
 */
export async function convertToGguf(conversion: Conversion): Promise<Converted> {
  const checkpoint = await openCheckpoint(conversion.source);
  try {
    return await writeAtomically(resolve(conversion.output), (file) =>
      writeGguf(file, checkpoint, conversion),
    );
  } finally {
    await checkpoint.close();
  }
}

/** The configuration, where GGUF has its architecture; OperatorError where it has not. */
export function requireGptNeox({ folder, config }: Pick<CheckpointHeader, "folder" | "config">): NeoxConfig {
  if (config.architecture === "gptj") {
    throw new OperatorError(
      `${folder}: is a GPT-J model, which llama.cpp, and so GGUF, does not have; serve it with driver: onnx`,
    );
  }
  if (!config.attentionBias) {
    throw fault(join(folder, "config.json"), "attention_bias: llama.cpp needs it to be true");
  }
  return config;
}

async function writeAtomically<T>(output: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  const temporary = `${output}.${randomUUID()}.tmp`;
  const file = await open(temporary, "wx").catch((error: unknown) => {
    throw fileFault(output, error);
  });
  try {
    const result = await write(file).finally(() => file.close());
    await rename(temporary, output).catch((error: unknown) => {
      throw fileFault(output, error);
    });
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeGguf(
  file: FileHandle,
  checkpoint: Checkpoint,
  { output, type, signal, onProgress = () => undefined }: Conversion,
): Promise<Converted> {
  const config = requireGptNeox(checkpoint);
  const plan = planTensors(config, checkpoint.weights, type);
  const total = plan.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const hash = createHash("sha256");
  let bytes = 0;
  const write = async (chunk: Uint8Array) => {
    hash.update(chunk);
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await file.write(chunk, done).catch((error: unknown) => {
        throw fileFault(output, error);
      });
      done += bytesWritten;
    }
    bytes += chunk.length;
  };
  await write(encodeHeader(ggufMetadata(checkpoint, config, type), plan));
  let done = 0;
  for (const tensor of plan) {
    for await (const chunk of encodeTensor(tensor)) {
      signal?.throwIfAborted();
      await write(chunk);
      done += chunk.length;
      onProgress(Math.min(1, done / total));
    }
    const length = tensorBytes(tensor);
    await write(new Uint8Array(padTo(DEFAULT_ALIGNMENT, length) - length));
  }
  await file.sync();
  return { bytes, sha256: hash.digest("hex") };
}

/** The tensor's data for the file, a chunk at a time; a chunk is valid until the next one is asked for. */
async function* encodeTensor({
  weight,
  runs,
  type,
}: TensorPlan): AsyncGenerator<Uint8Array, void, undefined> {
  const { file, offset, dtype, name } = weight;
  const width = WEIGHT_DTYPES[dtype];
  const source = new Uint8Array(CHUNK * width);
  const values = new Float32Array(CHUNK);
  for (const { start, count } of runs) {
    for (let at = 0; at < count; at += CHUNK) {
      const length = Math.min(CHUNK, count - at);
      const raw = source.subarray(0, length * width);
      await file.read(offset + (start + at) * width, raw);
      const floats = values.subarray(0, length);
      toFloat32(dtype, raw, floats);
      yield encodeOrFault(type, floats, (problem) => tensorFault(file.path, name, problem));
    }
  }
}

function encodeOrFault(
  type: TensorType,
  values: Float32Array<ArrayBuffer>,
  faultOf: (problem: string) => OperatorError,
): Uint8Array {
  try {
    return encode(type, values);
  } catch (error) {
    throw error instanceof NotRepresentable ? faultOf(error.message) : error;
  }
}

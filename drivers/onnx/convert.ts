import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeFloats, NotRepresentable } from "../local/checkpoint/encode-floats.ts";
import { fileFault, hasEntry } from "../local/checkpoint/files.ts";
import { type Checkpoint, openCheckpoint } from "../local/checkpoint/index.ts";
import { tensorFault, type Weight } from "../local/checkpoint/tensor.ts";
import { DataFile, type WrittenFile } from "./data-file.ts";
import type { DecoderGraph } from "./graph/builder.ts";
import { decoderGraph } from "./graph/decoder.ts";
import { type Block, type OnnxType, type Provider, precisionOf } from "./graph/precision.ts";
import { encodeModel, type FloatElement, type Initializer } from "./graph/proto.ts";
import { rowCount } from "./graph/weights.ts";
import { CONVERTER_VERSION, DATA_FILE, MANIFEST, type Manifest, MODEL_FILE } from "./manifest.ts";
import { readVector } from "./matrix-reader.ts";
import { writeMatrix } from "./write-matrix.ts";

export interface Conversion {
  /** A checkpoint folder. */
  readonly source: string;
  /** Of the checkpoint, where the caller has it. */
  readonly contentHash?: string;
  readonly type: OnnxType;
  /** Of q8 and int4. */
  readonly block: Block;
  readonly provider: Provider;
  /** A folder that exists and is empty; what is in it when the conversion fails is for the caller to remove. */
  readonly folder: string;
  /** 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** Of the checkpoint, copied beside the graph: all that is needed to serve it, and its licence. */
const COPIED = ["config.json", "tokenizer.json", "tokenizer_config.json", "README.md", "LICENSE", "NOTICE"];

/**
 * Converts a Hugging Face checkpoint of GPT-NeoX or GPT-J to ONNX, some rows at a time: the graph, a file of its large
 * constants, what is copied of the checkpoint, and a manifest, which comes last. Throws OperatorError that names file
 * and tensor, or `signal.reason`. Returns what was written.
 */
export async function convertToOnnx(conversion: Conversion): Promise<readonly WrittenFile[]> {
  const { source, type, block, provider, folder, signal } = conversion;
  const checkpoint = await openCheckpoint(source);
  try {
    const graph = decoderGraph(checkpoint.config, checkpoint.weights, {
      precision: precisionOf(type, block, provider),
      contextLength: checkpoint.config.contextLength,
    });
    const { data, initializers } = await writeConstants(graph, conversion);
    const model = await writeGraph(checkpoint, graph, { folder, initializers });
    const files = [model, data];
    for (const name of COPIED) {
      if (!(await hasEntry(checkpoint.folder, name))) continue;
      files.push(await writeSmall(folder, name, await readFile(join(checkpoint.folder, name))));
    }
    const manifest: Manifest = {
      converter: CONVERTER_VERSION,
      type,
      block: hasBlocks(type) ? block : null,
      provider,
      source:
        conversion.contentHash ?? (await checkpoint.contentHash(signal === undefined ? {} : { signal })),
      files,
    };
    const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
    return [...files, await writeSmall(folder, MANIFEST, text)];
  } finally {
    await checkpoint.close();
  }
}

/** Whether a type has groups of values that share a scale. */
export const hasBlocks = (type: OnnxType): boolean => type === "q8" || type === "int4";

async function writeSmall(folder: string, name: string, bytes: Uint8Array): Promise<WrittenFile> {
  const path = join(folder, name);
  await writeFile(path, bytes).catch((error: unknown) => {
    throw fileFault(path, error);
  });
  return { name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function writeConstants(
  { matrices, constants }: DecoderGraph,
  { folder, signal, onProgress = () => undefined }: Conversion,
): Promise<{ data: WrittenFile; initializers: Initializer[] }> {
  const initializers: Initializer[] = [];
  for (const { content, ...constant } of constants) {
    const data = content instanceof Uint8Array ? content : await vectorBytes(content);
    initializers.push({ ...constant, data });
  }
  const sizeOf = (source: (typeof matrices)[number]["source"]) => rowCount(source) * source.columns;
  const total = matrices.reduce((sum, { source }) => sum + sizeOf(source), 0);
  let done = 0;
  const file = await DataFile.create(join(folder, DATA_FILE));
  try {
    for (const matrix of matrices) {
      const places = await writeMatrix(file, matrix, (rows) => {
        signal?.throwIfAborted();
        done += rows * matrix.source.columns;
        onProgress(Math.min(1, done / total));
      });
      for (const [index, { name, type, shape }] of matrix.parts.entries()) {
        const data = places[index];
        if (data !== undefined) initializers.push({ name, type, shape, data });
      }
    }
    return { data: await file.finish(DATA_FILE), initializers };
  } finally {
    await file.close();
  }
}

async function vectorBytes({ weight, element }: { weight: Weight; element: FloatElement }) {
  const values = await readVector(weight);
  try {
    return encodeFloats(element, values);
  } catch (error) {
    throw error instanceof NotRepresentable
      ? tensorFault(weight.file.path, weight.name, error.message)
      : error;
  }
}

async function writeGraph(
  { name, card }: Checkpoint,
  { nodes, inputs, outputs }: DecoderGraph,
  { folder, initializers }: { folder: string; initializers: readonly Initializer[] },
): Promise<WrittenFile> {
  const bytes = encodeModel({
    name,
    nodes,
    inputs,
    outputs,
    initializers,
    metadata: card.license === null ? {} : { license: card.license },
    dataFile: DATA_FILE,
  });
  return writeSmall(folder, MODEL_FILE, bytes);
}

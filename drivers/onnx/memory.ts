import { type ModelNeed, type ModelShape, matrixCounts } from "../../src/core/need.ts";
import { GPU_CONTEXT_BYTES } from "../local/gpu-context.ts";
import { STEP_TOKENS } from "../local/options.ts";
import type { Precision, Provider } from "./graph/precision.ts";
import { ELEMENT_BYTES, type FloatElement } from "./graph/proto.ts";
import { elementBytes, widenedBytes } from "./matrix-bytes.ts";

/** What a model takes depends on its shape, on its precision and on the slots. */
export interface MemoryParts {
  /** Of the matrices as they are computed with, but for the embedding, of which only the rows of used tokens are read. */
  readonly matrixBytes: number;
  /** Of the largest matrix in blocks, widened by a GPU. */
  readonly widenedBytes: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly vocabularySize: number;
  readonly slots: number;
  /** Tokens of one slot. */
  readonly contextLength: number;
  /** Most tokens of one pass. */
  readonly batchTokens: number;
  /** What is computed in. */
  readonly compute: FloatElement;
}

/** Node itself, ONNX Runtime and the vocabulary. */
const PROCESS_BYTES = 150e6;
/** Activations of a token that exist at the same time, in multiples of the hidden size. */
const ACTIVATIONS = 12;
/** Rows of logits that scoring a piece of a prompt holds. */
const SCORED_ROWS = 128;

const passBytes = (
  { heads, contextLength, hiddenSize }: Pick<MemoryParts, "heads" | "contextLength" | "hiddenSize">,
  batchTokens: number,
): number => 4 * batchTokens * (heads * contextLength + ACTIVATIONS * hiddenSize);

/** On a GPU attention holds no scores. */
const gpuPassBytes = (hiddenSize: number, batchTokens: number): number =>
  2 * batchTokens * ACTIVATIONS * hiddenSize;

/** Logits in 16 bits, cut to the vocabulary, and in float32. */
const gpuLogitBytes = (vocabularySize: number, slots: number): number =>
  8 * (slots + SCORED_ROWS) * vocabularySize;

const logitBytes = (vocabularySize: number, slots: number): number =>
  4 * (slots + SCORED_ROWS) * vocabularySize;

const kvBytes = (
  { layers, hiddenSize, contextLength }: Pick<MemoryParts, "layers" | "hiddenSize" | "contextLength">,
  compute: FloatElement,
): number => 2 * layers * hiddenSize * contextLength * ELEMENT_BYTES[compute];

/** Of the embedding, which lies in a GPU whole. */
const embeddingBytes = ({ vocabularySize, hiddenSize }: Pick<MemoryParts, "vocabularySize" | "hiddenSize">) =>
  2 * vocabularySize * hiddenSize;

/**
 * Bytes of main memory that a model will take once every slot is full: matrices, keys and values, what one
 * pass computes in (attention over a full context, activations, logits), and the process. Within a tenth of what was measured.
 */
export function neededBytes(parts: MemoryParts): number {
  const { matrixBytes, vocabularySize, slots, batchTokens, compute } = parts;
  const pass = passBytes(parts, batchTokens) + logitBytes(vocabularySize, slots);
  return matrixBytes + kvBytes(parts, compute) * slots + pass + PROCESS_BYTES;
}

/** Bytes that ONNX Runtime takes of a GPU for weights and what is computed in. From what they are made of; not measured. */
export function gpuArenaBytes(parts: MemoryParts): number {
  const { matrixBytes, widenedBytes, hiddenSize, vocabularySize, slots, batchTokens } = parts;
  const pass = gpuPassBytes(hiddenSize, batchTokens) + gpuLogitBytes(vocabularySize, slots);
  return matrixBytes + embeddingBytes(parts) + widenedBytes + pass;
}

/** Bytes of a GPU's memory that a model will take once every slot is full. */
export const neededGpuBytes = (parts: MemoryParts): number =>
  gpuArenaBytes(parts) + kvBytes(parts, parts.compute) * parts.slots + GPU_CONTEXT_BYTES;

/** What a model of this shape will take. */
export function modelNeed(
  shape: ModelShape,
  precision: Precision,
  { type, slots, provider }: { type: string; slots: number; provider: Provider },
): ModelNeed {
  const { blocks, head, compute } = precision;
  const counts = matrixCounts(shape);
  const matrices =
    counts.blocks * elementBytes(blocks, compute) + counts.embedding * elementBytes(head, compute);
  const onGpu = provider === "cuda";
  const tokens = STEP_TOKENS + slots;
  return {
    precision: type,
    device: onGpu ? "gpu" : "cpu",
    slots,
    weights: matrices + (onGpu ? embeddingBytes(shape) : 0),
    readPerToken: matrices,
    fileCopy: 0,
    kvPerSlot: kvBytes(shape, compute),
    pass: onGpu
      ? gpuPassBytes(shape.hiddenSize, tokens) +
        gpuLogitBytes(shape.vocabularySize, slots) +
        widenedBytes(shape, precision)
      : passBytes(shape, tokens) + logitBytes(shape.vocabularySize, slots),
    process: onGpu ? GPU_CONTEXT_BYTES : PROCESS_BYTES,
  };
}

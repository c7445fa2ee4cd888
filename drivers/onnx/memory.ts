import { type ModelNeed, type ModelShape, matrixCounts } from "../../src/core/need.ts";
import { STEP_TOKENS } from "../local/options.ts";
import type { Precision } from "./graph/precision.ts";
import { elementBytes } from "./matrix-bytes.ts";

/** What a model takes depends on its shape, on its precision and on the slots. */
export interface MemoryParts {
  /** Of the matrices as they are computed with, but for the embedding, of which only the rows of used tokens are read. */
  readonly matrixBytes: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly vocabularySize: number;
  readonly slots: number;
  /** Tokens of one slot. */
  readonly contextLength: number;
  /** Most tokens of one pass. */
  readonly batchTokens: number;
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

const logitBytes = (vocabularySize: number, slots: number): number =>
  4 * (slots + SCORED_ROWS) * vocabularySize;

const kvBytes = ({
  layers,
  hiddenSize,
  contextLength,
}: Pick<MemoryParts, "layers" | "hiddenSize" | "contextLength">): number =>
  2 * layers * hiddenSize * contextLength * 4;

/**
 * Bytes of main memory that a model will take once every slot is full: matrices, keys and values in float32, what one
 * pass computes in (attention over a full context, activations, logits), and the process. Within a tenth of what was measured.
 */
export function neededBytes(parts: MemoryParts): number {
  const { matrixBytes, vocabularySize, slots, batchTokens } = parts;
  const pass = passBytes(parts, batchTokens) + logitBytes(vocabularySize, slots);
  return matrixBytes + kvBytes(parts) * slots + pass + PROCESS_BYTES;
}

/** What a model of this shape will take. */
export function modelNeed(
  shape: ModelShape,
  { blocks, head }: Precision,
  { type, slots }: { type: string; slots: number },
): ModelNeed {
  const counts = matrixCounts(shape);
  const weights = counts.blocks * elementBytes(blocks) + counts.embedding * elementBytes(head);
  return {
    precision: type,
    device: "cpu",
    slots,
    weights,
    readPerToken: weights,
    fileCopy: 0,
    kvPerSlot: kvBytes(shape),
    pass: passBytes(shape, STEP_TOKENS + slots) + logitBytes(shape.vocabularySize, slots),
    process: PROCESS_BYTES,
  };
}

import type { FloatType } from "./signature.ts";

/** What an exported decoder takes depends on its files, its shape and on the slots. */
export interface ExportedMemory {
  /** Size of the graphs and their numbers. */
  readonly bytes: number;
  readonly cacheType: FloatType;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly vocabularySize: number;
  readonly slots: number;
  /** Tokens of one slot. */
  readonly contextLength: number;
  readonly batchTokens: number;
}

/** Node itself, ONNX Runtime and the vocabulary. */
const PROCESS_BYTES = 150e6;
/** Intermediate results of attention that exist at the same time: scores, mask, probabilities. */
const SCORES = 3;
/** Activations of a token that exist at the same time, in multiples of the hidden size. */
const ACTIVATIONS = 12;

/**
 * Bytes of main memory that an export will take once every slot is full: its numbers, keys and values of each slot and of
 * the run that writes them again, what a run computes in, and the process. Of float16, ONNX Runtime makes float32 on a CPU.
 */
export function exportedBytes(parts: ExportedMemory): number {
  const { bytes, cacheType, layers, hiddenSize, heads, vocabularySize, slots, contextLength, batchTokens } =
    parts;
  const cache = 2 * layers * hiddenSize * contextLength * (slots + 1) * (cacheType === "f32" ? 4 : 2);
  const run = 4 * batchTokens * (SCORES * heads * contextLength + ACTIVATIONS * hiddenSize);
  const logits = 4 * 2 * batchTokens * vocabularySize;
  return bytes * (cacheType === "f32" ? 1 : 2) + cache + run + logits + PROCESS_BYTES;
}

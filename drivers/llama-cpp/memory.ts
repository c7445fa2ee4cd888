import { CPU_PASS_TOKENS } from "./model-params.ts";

/** What a model takes beside its weights depends on its shape and on the slots. */
export interface MemoryParts {
  /** Of the weights' file. */
  readonly weightBytes: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly vocabularySize: number;
  readonly slots: number;
  /** Tokens of one slot. */
  readonly contextLength: number;
  readonly kvType: "f32" | "f16" | "bf16";
}

/** Node itself, and the vocabulary in it. */
const PROCESS_BYTES = 120e6;
/** Activations of a token that exist at the same time, in multiples of the hidden size; about twice the MLP's four. */
const ACTIVATIONS = 9;

/**
 * Bytes of main memory that a model will take: weights, keys and values of every slot, what one pass computes in
 * (logits, attention over a full context, activations), and the process. Of weights, keys and values only those of the
 * `cpuLayers` that are not on a GPU count. An estimate, within a fifth of what was measured on a CPU.
 */
export function neededBytes(parts: MemoryParts, cpuLayers = parts.layers): number {
  const { weightBytes, layers, hiddenSize, heads, vocabularySize, slots, contextLength, kvType } = parts;
  const values = 2 * layers * hiddenSize * contextLength * slots;
  const tokens = CPU_PASS_TOKENS + slots;
  const pass = 4 * tokens * (vocabularySize + heads * contextLength + ACTIVATIONS * hiddenSize);
  const held = weightBytes + values * (kvType === "f32" ? 4 : 2);
  return (held * cpuLayers) / layers + pass + PROCESS_BYTES;
}

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

/**
 * Bytes of main memory that a model will take once every slot is full: matrices, keys and values in float32, what one
 * pass computes in (attention over a full context, activations, logits), and the process.
 */
export function neededBytes(parts: MemoryParts): number {
  const { matrixBytes, layers, hiddenSize, heads, vocabularySize, slots, contextLength, batchTokens } = parts;
  const cache = 2 * layers * hiddenSize * contextLength * slots * 4;
  const pass = 4 * batchTokens * (heads * contextLength + ACTIVATIONS * hiddenSize);
  const logits = 4 * (slots + SCORED_ROWS) * vocabularySize;
  return matrixBytes + cache + pass + logits + PROCESS_BYTES;
}

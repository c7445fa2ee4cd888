/** What the memory of a model depends on. */
export interface ModelShape {
  readonly architecture: "gpt_neox" | "gptj";
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly intermediateSize: number;
  /** Rows of the embedding. */
  readonly vocabularySize: number;
  /** Tokens of one slot. */
  readonly contextLength: number;
}

/** A model that is to be placed. */
export interface PlannedModel {
  readonly shape: ModelShape;
  /** Of its weights as they are, or as they are converted to where nothing else is asked for. */
  readonly precision?: string;
  /** Of a file that is served as it is. */
  readonly fileBytes?: number;
}

/** What a model takes where a driver runs it; bytes, once every slot is full. */
export interface ModelNeed {
  readonly precision: string;
  readonly device: "cpu" | "gpu";
  readonly slots: number;
  /** Of the weights, as they are computed with. */
  readonly weights: number;
  /** Of the weights that one token reads: all but the embedding. */
  readonly readPerToken: number;
  /** Of the file, mapped beside weights that were arranged anew: the system takes it back where it wants room. */
  readonly fileCopy: number;
  /** Keys and values of one slot. */
  readonly kvPerSlot: number;
  /** What one pass computes in: activations, attention, logits. */
  readonly pass: number;
  /** The engine's process itself. */
  readonly process: number;
}

/** Bytes that must be there. */
export const neededBytes = ({ weights, kvPerSlot, slots, pass, process }: ModelNeed): number =>
  weights + kvPerSlot * slots + pass + process;

/** Weights of a matrix kind: of the blocks, and of the embedding or the output. */
export function matrixCounts({ layers, hiddenSize, intermediateSize, vocabularySize }: ModelShape): {
  readonly blocks: number;
  readonly embedding: number;
  /** Biases and norms. */
  readonly vectors: number;
} {
  return {
    // Query, key, value and output; the MLP's two.
    blocks: layers * (4 * hiddenSize ** 2 + 2 * hiddenSize * intermediateSize),
    embedding: vocabularySize * hiddenSize,
    vectors: layers * (9 * hiddenSize + intermediateSize) + 2 * hiddenSize,
  };
}

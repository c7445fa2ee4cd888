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

/** Bytes of main memory that a model takes although a GPU computes it. */
export interface HostNeed {
  /** Of the layers that are not on the GPU, and of what never is. */
  readonly weights: number;
  /** Of those, what one token reads. */
  readonly readPerToken: number;
  readonly kvPerSlot: number;
  readonly pass: number;
  readonly process: number;
}

/** What a model takes where a driver runs it; bytes, once every slot is full. With `host`, the others are what the GPUs hold. */
export interface ModelNeed {
  readonly precision: string;
  readonly device: "cpu" | "gpu";
  /** Absent on a CPU. */
  readonly host?: HostNeed;
  /** Places, in the machine's list, of the GPUs that share it; absent: all. */
  readonly gpus?: readonly number[];
  /** Shares that those take, in their order; absent: by their free memory. */
  readonly split?: readonly number[];
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

/** What to change where there is less. */
export const MAKE_IT_FIT = "lower parallel or max_model_len, take a smaller type, or set memory_check: false";

/** Bytes that must be there. */
export const neededBytes = ({
  weights,
  kvPerSlot,
  slots,
  pass,
  process,
}: Pick<ModelNeed, "weights" | "kvPerSlot" | "slots" | "pass" | "process">): number =>
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

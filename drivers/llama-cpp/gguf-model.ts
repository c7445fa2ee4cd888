import { OperatorError } from "../../src/errors.ts";
import type { TokenizerJson } from "../local/tokenizer-json.ts";
import { missingMetadata, tokenizerFromGguf } from "./gguf-tokenizer.ts";

/** What a GGUF file's header says about the model in it. */
export interface GgufModel {
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly shape: { readonly layers: number; readonly hiddenSize: number; readonly heads: number };
  /** Of most of its weights: `f16`, `q4_k_m` … */
  readonly precision: string;
  readonly tokenizer: TokenizerJson;
  /** Id of the end of text, where the file says it. */
  readonly endOfText: number | null;
  /** For llama.cpp, in place of what the file lacks. */
  readonly missingMetadata: Readonly<Record<string, string | number>>;
}

/** Names of `general.file_type`; llama.h, `llama_ftype`. */
const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [0, "f32"],
  [1, "f16"],
  [2, "q4_0"],
  [3, "q4_1"],
  [7, "q8_0"],
  [8, "q5_0"],
  [9, "q5_1"],
  [10, "q2_k"],
  [11, "q3_k_s"],
  [12, "q3_k_m"],
  [13, "q3_k_l"],
  [14, "q4_k_s"],
  [15, "q4_k_m"],
  [16, "q5_k_s"],
  [17, "q5_k_m"],
  [18, "q6_k"],
  [32, "bf16"],
]);

/** Throws OperatorError that names `file`, the metadata key and what this driver runs. */
export function describeGguf(metadata: ReadonlyMap<string, unknown>, file: string): GgufModel {
  checkArchitecture(metadata, file);
  const tokens = metadata.get("tokenizer.ggml.tokens");
  if (!Array.isArray(tokens)) throw new OperatorError(`${file}: tokenizer.ggml.tokens is missing`);
  const tokenizer = tokenizerFromGguf(metadata, file);
  const fileType = metadata.get("general.file_type");
  const endOfText = metadata.get("tokenizer.ggml.eos_token_id");
  return {
    contextLength: wholeNumber(metadata, "gptneox.context_length", file),
    vocabularySize: tokens.length,
    shape: {
      layers: wholeNumber(metadata, "gptneox.block_count", file),
      hiddenSize: wholeNumber(metadata, "gptneox.embedding_length", file),
      heads: wholeNumber(metadata, "gptneox.attention.head_count", file),
    },
    precision: (typeof fileType === "number" ? FILE_TYPES.get(fileType) : undefined) ?? "gguf",
    tokenizer,
    endOfText: typeof endOfText === "number" ? endOfText : null,
    missingMetadata: missingMetadata(metadata, tokenizer),
  };
}

function checkArchitecture(metadata: ReadonlyMap<string, unknown>, file: string): void {
  const architecture = metadata.get("general.architecture");
  if (architecture === "gptj") {
    throw new OperatorError(
      `${file}: is a GPT-J model, which llama.cpp does not run; take a GPT-NeoX one, such as dolly-v2`,
    );
  }
  if (architecture !== "gptneox") {
    throw new OperatorError(
      `${file}: general.architecture is ${JSON.stringify(architecture)}; this driver runs gptneox (Dolly v2, Pythia, GPT-NeoX)`,
    );
  }
  const parts = metadata.get("split.count");
  if (typeof parts === "number" && parts > 1) {
    throw new OperatorError(
      `${file}: is one of ${parts} parts; join them first, with llama.cpp's llama-gguf-split --merge`,
    );
  }
  // llama.cpp ends its process at the first step where this number is odd.
  const rotary = wholeNumber(metadata, "gptneox.rope.dimension_count", file);
  if (rotary % 2 === 1) {
    throw new OperatorError(`${file}: gptneox.rope.dimension_count is ${rotary}; it has to be even`);
  }
}

function wholeNumber(metadata: ReadonlyMap<string, unknown>, key: string, file: string): number {
  const value = metadata.get(key);
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number > 0) return number;
  throw new OperatorError(`${file}: ${key} is missing or no positive whole number`);
}

import { OperatorError } from "../../src/errors.ts";
import { type TokenizerJson, tokenizerJsonSchema } from "../local/tokenizer-json.ts";

/** `tokenizer.ggml.token_type`, from llama.h's `enum llama_token_type`. */
const TOKEN_TYPE = { control: 3, userDefined: 4, unused: 5 } as const;

/** Control strings of the family; some published files mark them as user-defined. (databrickslabs/dolly training/consts.py) */
const CONTROL_STRINGS: ReadonlySet<string> = new Set([
  "<|endoftext|>",
  "<|padding|>",
  "### End",
  "### Instruction:",
  "### Response:\n",
]);

/** A row of the output matrix that no token has; old converters mark it as user-defined. */
const PADDING_ROW = /^\[PAD\d+\]$/;

const BYTE_LEVEL = {
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: true,
} as const;

/**
 * The `tokenizer.json` of a GGUF file: the one that it carries, or one that its token list and merges imply for this
 * family (NFC, byte-level BPE). Throws OperatorError that names `file` and the metadata key.
 */
export function tokenizerFromGguf(metadata: ReadonlyMap<string, unknown>, file: string): TokenizerJson {
  const carried = metadata.get("tokenizer.huggingface.json");
  if (typeof carried === "string") return parseCarried(carried, file);
  return deriveTokenizer(metadata, file);
}

function parseCarried(text: string, file: string): TokenizerJson {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new OperatorError(`${file}: tokenizer.huggingface.json is no JSON`, { cause: error });
  }
  const parsed = tokenizerJsonSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new OperatorError(
    `${file}: tokenizer.huggingface.json is no tokenizer.json of this family: ${issue?.path.join(".")}: ${issue?.message}`,
  );
}

function deriveTokenizer(metadata: ReadonlyMap<string, unknown>, file: string): TokenizerJson {
  const model = metadata.get("tokenizer.ggml.model");
  if (model !== "gpt2") {
    throw new OperatorError(
      `${file}: tokenizer.ggml.model is ${JSON.stringify(model)}; GPT-NeoX files have "gpt2"`,
    );
  }
  const tokens = strings(metadata, "tokenizer.ggml.tokens", file);
  const merges = strings(metadata, "tokenizer.ggml.merges", file);
  const types = numbers(metadata, "tokenizer.ggml.token_type", file);
  const vocab: Record<string, number> = {};
  const added: TokenizerJson["added_tokens"] = [];
  for (const [id, content] of tokens.entries()) {
    const type = types[id];
    const special = type === TOKEN_TYPE.control || CONTROL_STRINGS.has(content);
    if (special) added.push(addedToken(id, content, true));
    else if (type === TOKEN_TYPE.unused || PADDING_ROW.test(content)) continue;
    else if (type === TOKEN_TYPE.userDefined) added.push(addedToken(id, content, false));
    else vocab[content] = id;
  }
  return {
    added_tokens: added,
    normalizer: { type: "NFC" },
    pre_tokenizer: BYTE_LEVEL,
    post_processor: BYTE_LEVEL,
    decoder: BYTE_LEVEL,
    model: { type: "BPE", vocab, merges: [...merges] },
  };
}

/** Plain added tokens (runs of spaces) are found in the normalised text, control strings in the text as it came. */
function addedToken(id: number, content: string, special: boolean): TokenizerJson["added_tokens"][number] {
  return { id, content, special, normalized: !special, single_word: false, lstrip: false, rstrip: false };
}

function strings(metadata: ReadonlyMap<string, unknown>, key: string, file: string): readonly string[] {
  const value = metadata.get(key);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw new OperatorError(`${file}: ${key} is missing or no list of strings`);
}

/** A list of numbers; empty where the file has none. */
function numbers(metadata: ReadonlyMap<string, unknown>, key: string, file: string): readonly number[] {
  const value = metadata.get(key) ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === "number")) return value;
  throw new OperatorError(`${file}: ${key} is no list of numbers`);
}

/**
 * Metadata that llama.cpp should see where the file lacks it: the pretokeniser's name, which files from before 2024 do
 * not have, and `### End` as the end of a turn.
 */
export function missingMetadata(
  metadata: ReadonlyMap<string, unknown>,
  tokenizer: TokenizerJson,
): Record<string, string | number> {
  const missing: Record<string, string | number> = {};
  // The name that llama.cpp gives to GPT-NeoX's pretokeniser, which OLMo shares.
  if (!metadata.has("tokenizer.ggml.pre")) missing["tokenizer.ggml.pre"] = "olmo";
  const end = tokenizer.added_tokens.find(({ content }) => content === "### End");
  if (end !== undefined && !metadata.has("tokenizer.ggml.eot_token_id")) {
    missing["tokenizer.ggml.eot_token_id"] = end.id;
  }
  return missing;
}

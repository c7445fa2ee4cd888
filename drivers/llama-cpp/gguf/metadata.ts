import type { NeoxConfig } from "../../local/checkpoint/config.ts";
import type { CheckpointHeader } from "../../local/checkpoint/index.ts";
import type { TokenizerFiles } from "../../local/checkpoint/tokenizer-files.ts";
import { FILE_TYPES, type TensorType, type TypedValue } from "./format.ts";

/** llama.cpp's kinds of tokens; llama.h, `llama_token_type`. */
const TOKEN_TYPE = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;

const END_OF_ANSWER = "### End"; // databrickslabs/dolly training/consts.py, END_KEY
const PADDING = "<|padding|>";

const uint32 = (value: number): TypedValue => ({ type: "uint32", value });
const float32 = (value: number): TypedValue => ({ type: "float32", value });
const string = (value: string): TypedValue => ({ type: "string", value });
const bool = (value: boolean): TypedValue => ({ type: "bool", value });

/** Everything that llama.cpp and this house need to know of a model beside its weights. */
export function ggufMetadata(
  header: CheckpointHeader,
  config: NeoxConfig,
  type: TensorType,
): Map<string, TypedValue> {
  return new Map([
    ["general.architecture", string("gptneox")],
    ["general.type", string("model")],
    ...originMetadata(header),
    ["general.file_type", uint32(FILE_TYPES[type])],
    ["general.quantization_version", uint32(2)], // ggml.h, GGML_QNT_VERSION
    ...modelMetadata(config),
    ...tokenizerMetadata(config, header.tokenizer),
  ]);
}

function originMetadata({ name, config, card }: CheckpointHeader): [string, TypedValue][] {
  const bases = card.baseModels.length > 0 ? card.baseModels : config.baseModel ? [config.baseModel] : [];
  const entries: [string, TypedValue][] = [["general.name", string(name)]];
  if (card.license !== null) entries.push(["general.license", string(card.license)]);
  if (bases.length > 0) entries.push(["general.base_model.count", uint32(bases.length)]);
  for (const [index, base] of bases.entries()) {
    const prefix = `general.base_model.${index}`;
    entries.push([`${prefix}.name`, string(base.split("/").at(-1) ?? base)]);
    if (/^[\w.-]+\/[\w.-]+$/.test(base)) {
      entries.push([`${prefix}.repo_url`, string(`https://huggingface.co/${base}`)]);
    }
  }
  if (card.datasets.length > 0) {
    entries.push(["general.datasets", { type: "strings", value: card.datasets }]);
  }
  return entries;
}

const modelMetadata = (config: NeoxConfig): [string, TypedValue][] => [
  ["gptneox.context_length", uint32(config.contextLength)],
  ["gptneox.embedding_length", uint32(config.hiddenSize)],
  ["gptneox.block_count", uint32(config.layers)],
  ["gptneox.feed_forward_length", uint32(config.intermediateSize)],
  ["gptneox.rope.dimension_count", uint32(config.rotaryDimensions)],
  ["gptneox.rope.freq_base", float32(config.ropeTheta)],
  ["gptneox.attention.head_count", uint32(config.heads)],
  ["gptneox.attention.layer_norm_epsilon", float32(config.layerNormEpsilon)],
  ["gptneox.use_parallel_residual", bool(config.parallelResidual)],
  ["gptneox.vocab_size", uint32(config.vocabularySize)],
];

function tokenizerMetadata(
  config: NeoxConfig,
  { text, json, roles }: TokenizerFiles,
): [string, TypedValue][] {
  const { tokens, types } = listTokens(config.vocabularySize, json);
  const added = new Map(json.added_tokens.map(({ id, content }) => [content, id]));
  const ids: [string, number | null | undefined][] = [
    ["bos", config.bosTokenId ?? roles.bos],
    ["eos", config.eosTokenId ?? roles.eos],
    ["unknown", roles.unk],
    ["eot", added.get(END_OF_ANSWER)],
    ["padding", added.get(PADDING)],
  ];
  const merges = json.model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  return [
    ["tokenizer.ggml.model", string("gpt2")],
    ["tokenizer.ggml.pre", string("olmo")],
    ["tokenizer.ggml.tokens", { type: "strings", value: tokens }],
    ["tokenizer.ggml.token_type", { type: "int32s", value: types }],
    ["tokenizer.ggml.merges", { type: "strings", value: merges }],
    ...ids.flatMap(([role, id]): [string, TypedValue][] =>
      typeof id === "number" ? [[`tokenizer.ggml.${role}_token_id`, uint32(id)]] : [],
    ),
    ["tokenizer.ggml.add_bos_token", bool(false)],
    ["tokenizer.ggml.add_eos_token", bool(false)],
    ["tokenizer.huggingface.json", string(text)],
  ];
}

/** Text and kind of every vocabulary row; rows that the tokenizer does not have are `[PAD<id>]`, and never drawn. */
function listTokens(rows: number, json: TokenizerFiles["json"]) {
  const tokens = Array.from({ length: rows }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(rows).fill(TOKEN_TYPE.unused);
  for (const [token, id] of Object.entries(json.model.vocab)) {
    tokens[id] = token;
    types[id] = TOKEN_TYPE.normal;
  }
  for (const { id, content, special } of json.added_tokens) {
    tokens[id] = content;
    types[id] = special ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined;
  }
  return { tokens, types };
}

import { z } from "zod";
import { fault } from "./files.ts";

/** What both architectures have in common; sizes as in the Hugging Face configuration. */
interface CommonConfig {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
  /** Rows of the embedding; may exceed the tokenizer's size. */
  readonly vocabularySize: number;
  /** Most positions. */
  readonly contextLength: number;
  /** Leading dimensions of each head that rotate; even. */
  readonly rotaryDimensions: number;
  readonly ropeTheta: number;
  readonly layerNormEpsilon: number;
  /** The exact GELU, or its approximation by tanh. */
  readonly activation: "gelu" | "gelu_tanh";
  /** Whether the output matrix is the embedding. */
  readonly tiedEmbeddings: boolean;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  /** What the weights were saved as, where the file says so. */
  readonly dtype: "float32" | "float16" | "bfloat16" | null;
  /** What it was trained from, such as `EleutherAI/pythia-2.8b`, where the file says so. */
  readonly baseModel: string | null;
}

export interface NeoxConfig extends CommonConfig {
  readonly architecture: "gpt_neox";
  /** Attention and MLP read the same input and are added; else one after the other. */
  readonly parallelResidual: boolean;
  readonly attentionBias: boolean;
}

export interface GptjConfig extends CommonConfig {
  readonly architecture: "gptj";
}

export type CheckpointConfig = NeoxConfig | GptjConfig;

const size = z
  .int()
  .min(1)
  .max(1 << 24);
const layers = z.int().min(1).max(1024);
const tokenId = z
  .union([z.int().min(0), z.array(z.int().min(0)).min(1)])
  .nullish()
  .transform((id) => (Array.isArray(id) ? (id[0] ?? null) : (id ?? null)));
const dtype = z
  .string()
  .nullish()
  .transform((name) => name?.replace(/^torch\./, "") ?? null)
  .pipe(z.enum(["float32", "float16", "bfloat16"]).nullable());
const activation = z
  .enum(["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh"])
  .transform((name) => (name === "gelu" ? ("gelu" as const) : ("gelu_tanh" as const)));
const ropeKind = z.literal("default", "only the default rotary embedding is read").optional();
const ropeParameters = z.looseObject({
  rope_theta: z.number().positive().optional(),
  partial_rotary_factor: z.number().positive().max(1).optional(),
  rope_type: ropeKind,
  type: ropeKind,
});

const common = {
  vocab_size: size,
  tie_word_embeddings: z.boolean().default(false),
  bos_token_id: tokenId,
  eos_token_id: tokenId,
  dtype,
  torch_dtype: dtype,
  _name_or_path: z.string().max(500).optional(),
  rope_parameters: ropeParameters.nullish(),
  rope_scaling: ropeParameters.nullish(),
  quantization_config: z
    .null("the weights are quantised already; take the checkpoint they were made from")
    .optional(),
};

const neoxSchema = z.looseObject({
  ...common,
  model_type: z.literal("gpt_neox"),
  hidden_size: size,
  num_hidden_layers: layers,
  num_attention_heads: size,
  intermediate_size: size,
  max_position_embeddings: size,
  layer_norm_eps: z.number().positive().default(1e-5),
  hidden_act: activation.default("gelu"),
  rotary_pct: z.number().positive().max(1).optional(),
  rotary_emb_base: z.number().positive().optional(),
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
});

const gptjSchema = z.looseObject({
  ...common,
  model_type: z.literal("gptj"),
  n_embd: size,
  n_layer: layers,
  n_head: size,
  n_inner: size.nullish(),
  n_positions: size,
  layer_norm_epsilon: z.number().positive().default(1e-5),
  activation_function: activation.default("gelu_tanh"),
  rotary_dim: size.nullish(),
});

const schema = z.discriminatedUnion("model_type", [neoxSchema, gptjSchema]);

/**
 * One shape for both generations of `config.json`: 2023's (`rotary_pct`, `rotary_emb_base`, `torch_dtype`) and today's
 * (`rope_parameters`, `dtype`). Throws OperatorError that names file and key.
 */
export function parseConfig(path: string, value: unknown): CheckpointConfig {
  const kind = z.looseObject({ model_type: z.string() }).safeParse(value);
  if (!kind.success) throw fault(path, 'has no "model_type": it is not the configuration of a checkpoint');
  const type = kind.data.model_type;
  if (type !== "gpt_neox" && type !== "gptj") {
    throw fault(path, `model_type ${JSON.stringify(type)} is not supported; "gpt_neox" and "gptj" are`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw fault(path, `${issue?.path.join(".") || "it"}: ${issue?.message ?? "is wrong"}`);
  }
  const config = parsed.data.model_type === "gpt_neox" ? neox(parsed.data) : gptj(parsed.data);
  checkSizes(path, config);
  return config;
}

function checkSizes(path: string, config: CheckpointConfig): void {
  const { hiddenSize, heads, headSize, rotaryDimensions, vocabularySize, eosTokenId, bosTokenId } = config;
  if (headSize * heads !== hiddenSize) {
    throw fault(path, `${heads} attention heads do not divide the hidden size ${hiddenSize}`);
  }
  if (rotaryDimensions < 2 || rotaryDimensions % 2 !== 0 || rotaryDimensions > headSize) {
    throw fault(path, `${rotaryDimensions} rotary dimensions are impossible for heads of ${headSize}`);
  }
  for (const id of [eosTokenId, bosTokenId]) {
    if (id !== null && id >= vocabularySize) {
      throw fault(path, `token id ${id} is outside the vocabulary of ${vocabularySize}`);
    }
  }
}

const shared = (raw: z.output<typeof schema>) => ({
  vocabularySize: raw.vocab_size,
  tiedEmbeddings: raw.tie_word_embeddings,
  bosTokenId: raw.bos_token_id,
  eosTokenId: raw.eos_token_id,
  dtype: raw.dtype ?? raw.torch_dtype,
  baseModel: raw._name_or_path || null,
});

function neox(raw: z.output<typeof neoxSchema>): NeoxConfig {
  const headSize = Math.floor(raw.hidden_size / raw.num_attention_heads);
  // A quarter of each head and base 10,000 are the defaults of transformers' GPTNeoXConfig.
  const fraction = raw.rope_parameters?.partial_rotary_factor ?? raw.rotary_pct ?? 0.25;
  return {
    ...shared(raw),
    architecture: "gpt_neox",
    layers: raw.num_hidden_layers,
    hiddenSize: raw.hidden_size,
    heads: raw.num_attention_heads,
    headSize,
    intermediateSize: raw.intermediate_size,
    contextLength: raw.max_position_embeddings,
    rotaryDimensions: Math.floor(headSize * fraction),
    ropeTheta: raw.rope_parameters?.rope_theta ?? raw.rotary_emb_base ?? 10_000,
    layerNormEpsilon: raw.layer_norm_eps,
    activation: raw.hidden_act,
    parallelResidual: raw.use_parallel_residual,
    attentionBias: raw.attention_bias,
  };
}

function gptj(raw: z.output<typeof gptjSchema>): GptjConfig {
  const headSize = Math.floor(raw.n_embd / raw.n_head);
  return {
    ...shared(raw),
    architecture: "gptj",
    layers: raw.n_layer,
    hiddenSize: raw.n_embd,
    heads: raw.n_head,
    headSize,
    intermediateSize: raw.n_inner ?? 4 * raw.n_embd,
    contextLength: raw.n_positions,
    rotaryDimensions: raw.rotary_dim ?? headSize,
    // transformers modeling_gptj.py, create_sinusoidal_positions
    ropeTheta: 10_000,
    layerNormEpsilon: raw.layer_norm_epsilon,
    activation: raw.activation_function,
  };
}

import type { NeoxConfig } from "../../local/checkpoint/config.ts";
import type { Weight } from "../../local/checkpoint/tensor.ts";
import { TENSOR_TYPES, type TensorInfo, type TensorType } from "./format.ts";

/** A run of a weight's elements, row-major. */
export interface Run {
  readonly start: number;
  readonly count: number;
}

/** A tensor of the GGUF file, and which elements of which weight it is made of, in order. */
export interface TensorPlan extends TensorInfo {
  readonly weight: Weight;
  readonly runs: readonly Run[];
}

/** Names in a layer: Hugging Face's, then ggml's; gguf-py, tensor_mapping.py. */
const LAYER_NAMES = [
  ["input_layernorm", "attn_norm"],
  ["post_attention_layernorm", "ffn_norm"],
  ["attention.query_key_value", "attn_qkv"],
  ["attention.dense", "attn_output"],
  ["mlp.dense_h_to_4h", "ffn_up"],
  ["mlp.dense_4h_to_h", "ffn_down"],
] as const;

/** Every weight's name in the GGUF file. */
function ggufNames(config: NeoxConfig): Map<string, string> {
  const names = new Map([
    ["gpt_neox.embed_in.weight", "token_embd.weight"],
    ["embed_out.weight", "output.weight"],
  ]);
  const both = (from: string, to: string) => {
    for (const part of ["weight", "bias"]) names.set(`${from}.${part}`, `${to}.${part}`);
  };
  both("gpt_neox.final_layer_norm", "output_norm");
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [from, to] of LAYER_NAMES) both(`gpt_neox.layers.${layer}.${from}`, `blk.${layer}.${to}`);
  }
  return names;
}

/** What is written for the weights, in their order. */
export function planTensors(
  config: NeoxConfig,
  weights: ReadonlyMap<string, Weight>,
  type: TensorType,
): TensorPlan[] {
  const names = ggufNames(config);
  return [...weights].map(([source, weight]) => {
    const name = names.get(source);
    if (name === undefined) throw new RangeError(`no GGUF name for ${source}`);
    return {
      name,
      dimensions: weight.shape.toReversed(),
      type: storedType(name, weight.shape, type),
      weight,
      runs: source.includes("query_key_value") ? splitHeads(config, weight.shape) : [wholeOf(weight.shape)],
    };
  });
}

/**
 * Vectors (norms, biases) stay f32. All matrices take the type asked for, with two exceptions: q4_0 keeps the output
 * matrix in q8_0, for it decides between close tokens, and a quantised type falls back to f16 where a row is not a whole
 * number of blocks.
 */
function storedType(name: string, shape: readonly number[], type: TensorType): TensorType {
  if (shape.length < 2) return "f32";
  const wanted = type === "q4_0" && name === "output.weight" ? "q8_0" : type;
  return (shape.at(-1) ?? 0) % TENSOR_TYPES[wanted].block === 0 ? wanted : "f16";
}

const wholeOf = (shape: readonly number[]): Run => ({ start: 0, count: shape.reduce((a, b) => a * b, 1) });

/** Hugging Face keeps query, key and value of head 0, then of head 1 …; ggml all queries, then all keys, then all values. */
function splitHeads({ heads, headSize }: NeoxConfig, shape: readonly number[]): Run[] {
  const count = headSize * (shape[1] ?? 1);
  return [0, 1, 2].flatMap((part) =>
    Array.from({ length: heads }, (_, head) => ({ start: (3 * head + part) * count, count })),
  );
}

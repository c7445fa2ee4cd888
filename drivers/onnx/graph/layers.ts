import type { Weight } from "../../local/checkpoint/tensor.ts";
import type { GraphBuilder } from "./builder.ts";
import type { Precision } from "./precision.ts";
import type { MatrixSource, MatrixType, StoredPart } from "./weights.ts";

/** A weight of the checkpoint by its name; the inventory has made sure that it is there. */
export type FindWeight = (name: string) => Weight;

/** `[tokens, columns] -> [tokens, rows]`: x times the matrix's transpose, plus the bias. `bias`: name of a vector, or none. */
export function linear(
  graph: GraphBuilder,
  x: string,
  { source, type, bias }: { source: MatrixSource; type: MatrixType; bias: string },
): string {
  const [data, scale, zero] = graph.matrix(source, type);
  if (data === undefined) throw new RangeError(`${source.name} has no parts`);
  switch (type.kind) {
    case "dense": {
      const matrix = graph.cast(data.name, type.element, graph.compute);
      return graph.node("Gemm", bias === "" ? [x, matrix] : [x, matrix, bias], { transB: 1 });
    }
    case "int8":
      return graph.contrib("DynamicQuantizeMatMul", [x, data.name, nameOf(scale), "", bias]);
    case "blocks": {
      const { bits, block } = type;
      const [rows = 0] = data.shape;
      const sizes = { K: source.columns, N: rows, bits, block_size: block };
      // For a CPU: activations in int8 as well; any other level computes 8 bits by unpacking them, 60 times as slow.
      return graph.contrib("MatMulNBits", [x, data.name, nameOf(scale), nameOf(zero), "", bias], {
        ...sizes,
        accuracy_level: 4,
      });
    }
  }
}

const nameOf = (part: StoredPart | undefined): string => part?.name ?? "";

/** `[tokens, width] -> [tokens, width]`. `name`: of a norm with weight and bias. */
export function layerNorm(
  graph: GraphBuilder,
  x: string,
  { name, epsilon, weight }: { name: string; epsilon: number; weight: FindWeight },
): string {
  const [scale, bias] = [weight(`${name}.weight`), weight(`${name}.bias`)].map((part) => graph.vector(part));
  return graph.node("LayerNormalization", [x, scale ?? "", bias ?? ""], {
    axis: -1,
    epsilon: { float: epsilon },
  });
}

/** `[tokens, inner] -> [tokens, inner]`: the exact GELU, or its approximation by tanh. Not every build has it in bfloat16. */
export function gelu(graph: GraphBuilder, x: string, kind: "gelu" | "gelu_tanh"): string {
  const { compute } = graph;
  const within = compute === "bf16" ? "f32" : compute;
  const curved = graph.contrib(kind === "gelu" ? "Gelu" : "FastGelu", [graph.cast(x, compute, within)]);
  return graph.cast(curved, within, compute);
}

export interface AttentionInputs {
  /** `[batch, sequence, 3 * width]` as its shape, computed once for all layers. */
  readonly packedShape: string;
  /** `[tokens, width]` as its shape. */
  readonly flatShape: string;
  /** `[batch]`, int32: position of each sequence's last token. */
  readonly lastPositions: string;
  /** `[1]`, int32: tokens of the longest sequence, its cache included. */
  readonly mostTokens: string;
  readonly cos: string;
  readonly sin: string;
}

/** What a block needs beside its number. */
export interface BlockParts<Config> {
  readonly graph: GraphBuilder;
  readonly config: Config;
  readonly weight: FindWeight;
  readonly precision: Precision;
  readonly inputs: AttentionInputs;
}

export interface AttentionShape {
  readonly heads: number;
  readonly headSize: number;
  /** Whether neighbouring dimensions rotate together (GPT-J), or the halves of what rotates (GPT-NeoX). */
  readonly interleaved: boolean;
}

/**
 * `[tokens, 3 * width] -> [tokens, width]`: causal attention of queries, keys and values (in this order, by heads) over
 * the layer's cache `[batch, heads, positions, headSize]`, to which it adds. Past and present are meant to be the same memory.
 */
export function attention(
  graph: GraphBuilder,
  qkv: string,
  layer: number,
  { shape, inputs }: { shape: AttentionShape; inputs: AttentionInputs },
): string {
  const { heads, headSize, interleaved } = shape;
  const cache = ["batch", heads, "positions", headSize];
  const element = graph.compute;
  const past = ["key", "value"].map((part) => graph.input(pastName(layer, part), element, cache));
  const present = ["key", "value"].map((part) => graph.output(presentName(layer, part), element, cache));
  const packed = graph.node("Reshape", [qkv, inputs.packedShape]);
  const { lastPositions, mostTokens, cos, sin } = inputs;
  const mixed = graph.contrib(
    "GroupQueryAttention",
    [packed, "", "", ...past, lastPositions, mostTokens, cos, sin],
    {
      num_heads: heads,
      kv_num_heads: heads,
      scale: { float: 1 / Math.sqrt(headSize) },
      do_rotary: 1,
      rotary_interleaved: interleaved ? 1 : 0,
    },
    [`attention_${layer}`, ...present],
  );
  return graph.node("Reshape", [mixed, inputs.flatShape]);
}

export const pastName = (layer: number, part: string): string => `past_key_values.${layer}.${part}`;
export const presentName = (layer: number, part: string): string => `present.${layer}.${part}`;

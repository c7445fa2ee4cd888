import type { NeoxConfig } from "../../local/checkpoint/config.ts";
import type { Weight } from "../../local/checkpoint/tensor.ts";
import type { GraphBuilder } from "./builder.ts";
import { attention, type BlockParts, gelu, layerNorm, linear } from "./layers.ts";
import { rotaryOrder } from "./rotary.ts";
import { type MatrixSource, type RowRun, wholeMatrix } from "./weights.ts";

/**
 * One block of GPT-NeoX, `[tokens, width] -> [tokens, width]`:
 *
 *   parallel:  x + attention(norm1(x)) + mlp(norm2(x))
 *   serial:    y = x + attention(norm1(x));  y + mlp(norm2(y))
 */
export function neoxBlock(x: string, layer: number, parts: BlockParts<NeoxConfig>): string {
  const { graph, config, weight } = parts;
  const name = `gpt_neox.layers.${layer}`;
  const norm = (value: string, which: string) =>
    layerNorm(graph, value, { name: `${name}.${which}`, epsilon: config.layerNormEpsilon, weight });
  const attended = selfAttention(norm(x, "input_layernorm"), layer, parts);
  const afterAttention = graph.node("Add", [x, attended]);
  const mlpInput = norm(config.parallelResidual ? x : afterAttention, "post_attention_layernorm");
  return graph.node("Add", [afterAttention, mlp(mlpInput, name, parts)]);
}

function selfAttention(x: string, layer: number, parts: BlockParts<NeoxConfig>): string {
  const { graph, config, weight, precision, inputs } = parts;
  const name = `gpt_neox.layers.${layer}.attention`;
  const order = packedOrder(config);
  const packed = weight(`${name}.query_key_value.weight`);
  const qkv = linear(graph, x, {
    source: orderedRows(packed, order),
    type: precision.blocks,
    bias: config.attentionBias ? orderedVector(graph, weight(`${name}.query_key_value.bias`), order) : "",
  });
  const { heads, headSize } = config;
  const mixed = attention(graph, qkv, layer, { shape: { heads, headSize, interleaved: false }, inputs });
  return linear(graph, mixed, {
    source: wholeMatrix(weight(`${name}.dense.weight`)),
    type: precision.blocks,
    bias: config.attentionBias ? graph.vector(weight(`${name}.dense.bias`)) : "",
  });
}

function mlp(x: string, name: string, { graph, config, weight, precision }: BlockParts<NeoxConfig>): string {
  const dense = (value: string, which: string) =>
    linear(graph, value, {
      source: wholeMatrix(weight(`${name}.mlp.${which}.weight`)),
      type: precision.blocks,
      bias: graph.vector(weight(`${name}.mlp.${which}.bias`)),
    });
  return dense(gelu(graph, dense(x, "dense_h_to_4h"), config.activation), "dense_4h_to_h");
}

/**
 * Where each row of queries, keys and values is taken from. The checkpoint has query, key and value of head 0, then of
 * head 1 …; attention wants all queries, then all keys, then all values, the rotating ones in its own order.
 */
function packedOrder(config: NeoxConfig): number[] {
  const { heads, headSize } = config;
  const rotary = rotaryOrder(config);
  return [0, 1, 2].flatMap((part) =>
    Array.from({ length: heads * headSize }, (_, row) => {
      const [head, at] = [Math.floor(row / headSize), row % headSize];
      return (3 * head + part) * headSize + (part === 2 ? at : (rotary[at] ?? at));
    }),
  );
}

function orderedRows(weight: Weight, order: readonly number[]): MatrixSource {
  const runs: RowRun[] = [];
  for (let at = 0; at < order.length; ) {
    const start = order[at] ?? 0;
    let count = 1;
    while (order[at + count] === start + count) count += 1;
    runs.push({ weight, start, count });
    at += count;
  }
  return { name: weight.name, columns: weight.shape[1] ?? 0, runs };
}

/** The vector's elements in another order: once, by the graph itself, when the model is loaded. */
const orderedVector = (graph: GraphBuilder, weight: Weight, order: readonly number[]): string =>
  graph.node("Gather", [graph.vector(weight), graph.integers(`${weight.name}.order`, order)], { axis: 0 });

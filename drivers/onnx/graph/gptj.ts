import type { GptjConfig } from "../../local/checkpoint/config.ts";
import { attention, type BlockParts, gelu, layerNorm, linear } from "./layers.ts";
import { type MatrixSource, wholeMatrix } from "./weights.ts";

/** One block of GPT-J, `[tokens, width] -> [tokens, width]`: x + attention(norm(x)) + mlp(norm(x)), with one norm for both. */
export function gptjBlock(x: string, layer: number, parts: BlockParts<GptjConfig>): string {
  const { graph, config, weight } = parts;
  const name = `transformer.h.${layer}`;
  const normed = layerNorm(graph, x, { name: `${name}.ln_1`, epsilon: config.layerNormEpsilon, weight });
  const attended = selfAttention(normed, layer, parts);
  return graph.node("Add", [graph.node("Add", [x, attended]), mlp(normed, name, parts)]);
}

function selfAttention(x: string, layer: number, parts: BlockParts<GptjConfig>): string {
  const { graph, config, weight, precision, inputs } = parts;
  const name = `transformer.h.${layer}.attn`;
  const projections = ["q_proj", "k_proj", "v_proj"].map((part) =>
    wholeMatrix(weight(`${name}.${part}.weight`)),
  );
  const packed: MatrixSource = {
    name: `${name}.qkv_proj.weight`,
    columns: config.hiddenSize,
    runs: projections.flatMap(({ runs }) => runs),
  };
  const qkv = linear(graph, x, { source: packed, type: precision.blocks, bias: "" });
  const { heads, headSize } = config;
  const mixed = attention(graph, qkv, layer, { shape: { heads, headSize, interleaved: true }, inputs });
  return linear(graph, mixed, {
    source: wholeMatrix(weight(`${name}.out_proj.weight`)),
    type: precision.blocks,
    bias: "",
  });
}

function mlp(x: string, name: string, { graph, config, weight, precision }: BlockParts<GptjConfig>): string {
  const dense = (value: string, which: string) =>
    linear(graph, value, {
      source: wholeMatrix(weight(`${name}.mlp.${which}.weight`)),
      type: precision.blocks,
      bias: graph.vector(weight(`${name}.mlp.${which}.bias`)),
    });
  return dense(gelu(graph, dense(x, "fc_in"), config.activation), "fc_out");
}

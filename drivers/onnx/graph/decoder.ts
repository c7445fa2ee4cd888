import type { CheckpointConfig } from "../../local/checkpoint/config.ts";
import type { Weight } from "../../local/checkpoint/tensor.ts";
import { type DecoderGraph, GraphBuilder } from "./builder.ts";
import { gptjBlock } from "./gptj.ts";
import { type AttentionInputs, type FindWeight, layerNorm, linear } from "./layers.ts";
import { neoxBlock } from "./neox.ts";
import type { Precision } from "./precision.ts";
import { rotaryTables } from "./rotary.ts";
import { wholeMatrix } from "./weights.ts";

/** Names of what is not in the blocks. */
const NAMES = {
  gpt_neox: { embedding: "gpt_neox.embed_in.weight", norm: "gpt_neox.final_layer_norm", head: "embed_out" },
  gptj: { embedding: "transformer.wte.weight", norm: "transformer.ln_f", head: "lm_head" },
} as const;

/**
 * The graph of a decoder that continues sequences with a key-value cache:
 *
 *   input_ids `[batch, sequence]`      the next tokens of each sequence
 *   last_positions `[batch]`           position of the last of them
 *   most_tokens `[1]`                  the largest of these positions, plus one
 *   logit_rows `[rows]`                which tokens' logits are wanted, by their places in input_ids read row by row
 *   past_key_values.N.key, .value      `[batch, heads, positions, headSize]`, present.N.* alike and in the same memory
 *   logits `[rows, vocabulary]`
 *
 * In between, all is `[tokens, width]` in what the precision computes in, where tokens = batch * sequence; logits are
 * float32. `contextLength`: positions of the rotary tables, the most that a cache may have.
 */
export function decoderGraph(
  config: CheckpointConfig,
  weights: ReadonlyMap<string, Weight>,
  { precision, contextLength }: { precision: Precision; contextLength: number },
): DecoderGraph {
  const graph = new GraphBuilder(precision.compute);
  const weight = finder(weights);
  const names = NAMES[config.architecture];
  const ids = graph.input("input_ids", "i64", ["batch", "sequence"]);
  const lastPositions = graph.input("last_positions", "i32", ["batch"]);
  const mostTokens = graph.input("most_tokens", "i32", [1]);
  const rows = graph.input("logit_rows", "i64", ["rows"]);
  const logits = graph.output("logits", "f32", ["rows", config.vocabularySize]);

  const { hiddenSize } = config;
  const { columns, cos, sin } = rotaryTables(config, config.ropeTheta, contextLength);
  const tableShape = [contextLength, columns];
  const inputs: AttentionInputs = {
    packedShape: graph.node(
      "Concat",
      [graph.node("Shape", [ids]), graph.integers("packed_width", [3 * hiddenSize])],
      { axis: 0 },
    ),
    flatShape: graph.integers("flat_shape", [-1, hiddenSize]),
    lastPositions,
    mostTokens,
    cos: graph.table("cos", tableShape, cos),
    sin: graph.table("sin", tableShape, sin),
  };

  let x = embed(graph, ids, { embedding: weight(names.embedding), precision, width: inputs.flatShape });
  for (let layer = 0; layer < config.layers; layer += 1) {
    const parts = { graph, weight, precision, inputs };
    x =
      config.architecture === "gptj"
        ? gptjBlock(x, layer, { ...parts, config })
        : neoxBlock(x, layer, { ...parts, config });
  }
  const wanted = graph.node("Gather", [x, rows], { axis: 0 });
  const normed = layerNorm(graph, wanted, { name: names.norm, epsilon: config.layerNormEpsilon, weight });
  const matrix = weight(`${names.head}.weight`);
  const scores = outputMatrix(graph, normed, { matrix, bias: weights.get(`${names.head}.bias`), precision });
  const floats = graph.cast(scores, precision.compute, "f32");
  graph.node("Identity", [floats], {}, logits);
  return graph.finish();
}

/** CUDA's quick kernels for blocks take matrices whose rows are a multiple of this (matmul_nbits.cc). */
const CUDA_ROW_STEP = 64;

/**
 * `[rows, width] -> [rows, vocabulary]`. For CUDA a matrix of blocks is filled up with rows that it has, whose products
 * are cut off again.
 */
function outputMatrix(
  graph: GraphBuilder,
  x: string,
  { matrix, bias, precision }: { matrix: Weight; bias: Weight | undefined; precision: Precision },
): string {
  const source = wholeMatrix(matrix);
  const type = precision.head;
  const vector = bias === undefined ? "" : graph.vector(bias);
  const [rows = 0] = matrix.shape;
  const added = type.kind === "blocks" && precision.compute !== "f32" ? -rows & (CUDA_ROW_STEP - 1) : 0;
  if (added === 0) return linear(graph, x, { source, type, bias: vector });
  const filled = { ...source, runs: [...source.runs, { weight: matrix, start: 0, count: added }] };
  const products = linear(graph, x, { source: filled, type, bias: "" });
  const [start, end, axis] = Object.entries({ start: 0, end: rows, axis: 1 }).map(([name, value]) =>
    graph.integers(`logits_${name}`, [value]),
  );
  const cut = graph.node("Slice", [products, start ?? "", end ?? "", axis ?? ""]);
  return bias === undefined ? cut : graph.node("Add", [cut, vector]);
}

/** `[batch, sequence] -> [tokens, width]`: a row of the embedding for each token. */
function embed(
  graph: GraphBuilder,
  ids: string,
  { embedding, precision, width }: { embedding: Weight; precision: Precision; width: string },
): string {
  const element = precision.embedding;
  const [table] = graph.matrix(
    { ...wholeMatrix(embedding), name: `${embedding.name}.rows` },
    { kind: "dense", element },
  );
  const gathered = graph.node("Gather", [table?.name ?? "", ids], { axis: 0 });
  return graph.node("Reshape", [graph.cast(gathered, element, graph.compute), width]);
}

const finder =
  (weights: ReadonlyMap<string, Weight>): FindWeight =>
  (name) => {
    const found = weights.get(name);
    if (found === undefined) throw new RangeError(`the checkpoint has no ${name}`);
    return found;
  };

import type { CheckpointConfig } from "./config.ts";
import { fault } from "./files.ts";
import { isWeightDtype, type StoredTensor, tensorFault, type Weight } from "./tensor.ts";

/** Buffers that checkpoints of 2023 carry and no engine needs: causal masks and rotary frequencies. */
const BUFFER =
  /^(?:gpt_neox\.layers\.\d+\.attention|transformer\.h\.\d+\.attn)\.(?:bias|masked_bias|rotary_emb\.inv_freq|embed_positions)$/;

const affine = (name: string, rows: number, columns: number): [string, number[]][] => [
  [`${name}.weight`, [rows, columns]],
  [`${name}.bias`, [rows]],
];
const norm = (name: string, width: number): [string, number[]][] => [
  [`${name}.weight`, [width]],
  [`${name}.bias`, [width]],
];

/** Names and shapes of the weights that a model of this configuration has. */
export function expectedWeights(config: CheckpointConfig): Map<string, number[]> {
  const { hiddenSize: width, intermediateSize: inner, vocabularySize: rows } = config;
  const layers = Array.from({ length: config.layers }, (_, index) => index);
  if (config.architecture === "gptj") {
    return new Map([
      ["transformer.wte.weight", [rows, width]],
      ...layers.flatMap((index): [string, number[]][] => {
        const layer = `transformer.h.${index}`;
        return [
          ...norm(`${layer}.ln_1`, width),
          ...["q_proj", "k_proj", "v_proj", "out_proj"].map((name): [string, number[]] => [
            `${layer}.attn.${name}.weight`,
            [width, width],
          ]),
          ...affine(`${layer}.mlp.fc_in`, inner, width),
          ...affine(`${layer}.mlp.fc_out`, width, inner),
        ];
      }),
      ...norm("transformer.ln_f", width),
      ...affine("lm_head", rows, width),
    ]);
  }
  const attention = (name: string, rows: number) =>
    affine(name, rows, width).slice(0, config.attentionBias ? 2 : 1);
  return new Map([
    ["gpt_neox.embed_in.weight", [rows, width]],
    ...layers.flatMap((index): [string, number[]][] => {
      const layer = `gpt_neox.layers.${index}`;
      return [
        ...norm(`${layer}.input_layernorm`, width),
        ...norm(`${layer}.post_attention_layernorm`, width),
        ...attention(`${layer}.attention.query_key_value`, 3 * width),
        ...attention(`${layer}.attention.dense`, width),
        ...affine(`${layer}.mlp.dense_h_to_4h`, inner, width),
        ...affine(`${layer}.mlp.dense_4h_to_h`, width, inner),
      ];
    }),
    ...norm("gpt_neox.final_layer_norm", width),
    ["embed_out.weight", [rows, width]],
  ]);
}

/** The output matrix: its name here, its name in checkpoints that a later transformers saved, and the embedding it may be tied to. */
const OUTPUT = {
  gpt_neox: { name: "embed_out.weight", alias: "lm_head.weight", embedding: "gpt_neox.embed_in.weight" },
  gptj: { name: "lm_head.weight", alias: "lm_head.weight", embedding: "transformer.wte.weight" },
} as const;

/**
 * The weights of the model, in the order of `expectedWeights`. Throws OperatorError that names file and tensor where one
 * is missing, has another shape or element type, or is none that the architecture has.
 */
export function takeInventory(
  folder: string,
  config: CheckpointConfig,
  stored: ReadonlyMap<string, StoredTensor>,
): Map<string, Weight> {
  const expected = expectedWeights(config);
  const output = OUTPUT[config.architecture];
  const known = new Set(expected.keys());
  if (!stored.has(output.name)) known.add(output.alias);
  for (const tensor of stored.values()) {
    if (!known.has(tensor.name) && !BUFFER.test(tensor.name)) {
      throw tensorFault(tensor.file.path, tensor.name, "is none that this architecture has");
    }
  }
  const outputTensor =
    stored.get(output.name) ??
    stored.get(output.alias) ??
    (config.tiedEmbeddings ? stored.get(output.embedding) : undefined);
  const weights = new Map<string, Weight>();
  for (const [name, shape] of expected) {
    const tensor = name === output.name ? outputTensor : stored.get(name);
    if (!tensor) throw fault(folder, `tensor ${JSON.stringify(name)} is missing from the checkpoint's files`);
    weights.set(name, checked(tensor, shape));
  }
  return weights;
}

function checked(tensor: StoredTensor, shape: readonly number[]): Weight {
  const { name, file, dtype } = tensor;
  if (tensor.shape.length !== shape.length || tensor.shape.some((extent, axis) => extent !== shape[axis])) {
    throw tensorFault(file.path, name, `has shape [${tensor.shape}] where config.json asks for [${shape}]`);
  }
  if (tensor.unreadable) throw tensorFault(file.path, name, tensor.unreadable);
  if (!isWeightDtype(dtype))
    throw tensorFault(file.path, name, `is of type ${dtype}; F32, F16 and BF16 are read`);
  return { ...tensor, dtype };
}

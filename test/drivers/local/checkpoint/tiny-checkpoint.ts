import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NeoxConfig } from "../../../../drivers/local/checkpoint/config.ts";
import { expectedWeights } from "../../../../drivers/local/checkpoint/inventory.ts";

const root = mkdtempSync(join(tmpdir(), "checkpoint-"));
let made = 0;

/** Removes all that was made; more can be made afterwards. */
export const removeCheckpoints = (): void => rmSync(root, { recursive: true, force: true });

export function newFolder(): string {
  const folder = join(root, `model-${made++}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A GPT-NeoX of one layer, two heads of 16 and 40 vocabulary rows. */
export const TINY_CONFIG = {
  architectures: ["GPTNeoXForCausalLM"],
  model_type: "gpt_neox",
  vocab_size: 40,
  hidden_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 64,
  max_position_embeddings: 16,
  layer_norm_eps: 1e-5,
  hidden_act: "gelu",
  rotary_pct: 0.25,
  rotary_emb_base: 10000,
  use_parallel_residual: true,
  tie_word_embeddings: false,
  torch_dtype: "float32",
  bos_token_id: 0,
  eos_token_id: 0,
};

const LAYOUT: NeoxConfig = {
  architecture: "gpt_neox",
  layers: 1,
  hiddenSize: 32,
  heads: 2,
  headSize: 16,
  intermediateSize: 64,
  vocabularySize: 40,
  contextLength: 16,
  rotaryDimensions: 4,
  ropeTheta: 10000,
  layerNormEpsilon: 1e-5,
  activation: "gelu",
  tiedEmbeddings: false,
  bosTokenId: 0,
  eosTokenId: 0,
  dtype: "float32",
  baseModel: null,
  parallelResidual: true,
  attentionBias: true,
};

export const TINY_TOKENIZER = {
  added_tokens: [
    { id: 0, content: "<|endoftext|>", special: true, normalized: false },
    { id: 5, content: "  ", special: false, normalized: true },
    { id: 6, content: "### End", special: true, normalized: false },
  ],
  model: {
    type: "BPE",
    vocab: { "<|endoftext|>": 0, a: 1, b: 2, ab: 3, Ġ: 4 },
    merges: [["a", "b"]],
  },
};

export interface RawTensor {
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

/** Element `i` of the n-th tensor is `n + i / 1000`, in float32. */
export function tinyTensors(): Map<string, RawTensor> {
  const tensors = new Map<string, RawTensor>();
  for (const [name, shape] of expectedWeights(LAYOUT)) {
    const values = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, index) => tensors.size + index / 1000,
    );
    tensors.set(name, { dtype: "F32", shape: [...shape], data: new Uint8Array(values.buffer) });
  }
  return tensors;
}

export function safetensors(tensors: ReadonlyMap<string, RawTensor>): Buffer {
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
  }
  return safetensorsFile(
    JSON.stringify(header),
    Buffer.concat([...tensors.values()].map(({ data }) => data)),
  );
}

export function safetensorsFile(header: string, data: Uint8Array): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([prefix, Buffer.from(header), data]);
}

/** A folder with configuration and tokenizer, and the files given. */
export function checkpointFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
  config: object = TINY_CONFIG,
): string {
  const folder = newFolder();
  const all = {
    "config.json": JSON.stringify(config),
    "tokenizer.json": JSON.stringify(TINY_TOKENIZER),
    ...files,
  };
  for (const [name, content] of Object.entries(all)) writeFileSync(join(folder, name), content);
  return folder;
}

export const tinyCheckpoint = (
  change: (tensors: Map<string, RawTensor>) => void = () => undefined,
): string => {
  const tensors = tinyTensors();
  change(tensors);
  return checkpointFolder({ "model.safetensors": safetensors(tensors) });
};

/** A zip archive of stored members. */
export function zip(members: Readonly<Record<string, Uint8Array>>, method = 0): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(members)) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(data.length, 24);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt32LE(offset, 42);
    locals.push(local, Buffer.from(name), Buffer.from(data));
    central.push(entry, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(members).length, 8);
  end.writeUInt16LE(Object.keys(members).length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

import { isUtf8 } from "node:buffer";
import { createCipheriv, createHash } from "node:crypto";
import { copyFile, mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseConfig } from "../drivers/local/checkpoint/config.ts";
import { bfloatOf } from "../drivers/local/checkpoint/floats.ts";
import { expectedWeights } from "../drivers/local/checkpoint/inventory.ts";
import { Random } from "../drivers/local/random.ts";
import { tokenizerJsonSchema } from "../drivers/local/tokenizer-json.ts";
import { Vocabulary } from "../drivers/local/vocabulary.ts";

/** Sizes of a GPT-NeoX model, by their names in `config.json`. */
export interface ModelShape {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly num_hidden_layers: number;
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
}

/** dolly-v2-3b with half its width and a quarter of its layers: 286 million weights, heads of 80 with 20 rotary. */
export const SYNTHETIC_SHAPE: ModelShape = {
  hidden_size: 1280,
  intermediate_size: 5120,
  num_attention_heads: 16,
  num_hidden_layers: 8,
  vocab_size: 50280,
  max_position_embeddings: 2048,
};

/** The shape of dolly-v2-3b itself: 2.8 billion weights. */
export const SYNTHETIC_3B_SHAPE: ModelShape = {
  hidden_size: 2560,
  intermediate_size: 10240,
  num_attention_heads: 32,
  num_hidden_layers: 32,
  vocab_size: 50280,
  max_position_embeddings: 2048,
};

/** Standard deviation of the weights; `initializer_range` of the Pythia models that Dolly was tuned from. */
const DEVIATION = 0.02;
/** Weights written at once, about. */
const CHUNK = 1 << 20;

/**
 * Writes a random model as a Hugging Face checkpoint: config.json, model.safetensors (bfloat16) and the tokenizer files
 * of `tokenizerFolder`. The same seed gives the same bytes. It computes what a trained model of its shape computes,
 * and says words without sense: tokens that are no text of their own (control tokens, parts of characters) have an
 * output row of zeros, which never wins, for servers differ in what they do with broken text.
 */
export async function writeSyntheticCheckpoint(
  folder: string,
  shape: ModelShape,
  { seed, tokenizerFolder }: { seed: number; tokenizerFolder: string },
): Promise<void> {
  const config = {
    architectures: ["GPTNeoXForCausalLM"],
    model_type: "gpt_neox",
    hidden_act: "gelu",
    rotary_pct: 0.25,
    use_parallel_residual: true,
    bos_token_id: 0,
    eos_token_id: 0,
    torch_dtype: "bfloat16",
    ...shape,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    await copyFile(join(tokenizerFolder, name), join(folder, name));
  }
  const weights = [...expectedWeights(parseConfig(join(folder, "config.json"), config))].map(
    ([name, extents]) => ({ name, extents, count: extents.reduce((product, extent) => product * extent, 1) }),
  );
  const vocabulary = await readVocabulary(tokenizerFolder, shape.vocab_size);
  const file = await open(join(folder, "model.safetensors"), "w");
  try {
    await file.write(safetensorsHeader(weights));
    const random = new RandomWeights(seed);
    for (const { name, extents, count } of weights) {
      const mean = /norm\.weight$/.test(name) ? 1 : 0;
      const [rows = 0] = extents;
      const columns = count / rows;
      const step = Math.ceil(CHUNK / columns);
      for (let first = 0; first < rows; first += step) {
        const patterns = random.bfloats(Math.min(step, rows - first) * columns, mean);
        if (name === "embed_out.weight") silence(patterns, { columns, first }, vocabulary);
        await file.write(new Uint8Array(patterns.buffer));
      }
    }
  } finally {
    await file.close();
  }
}

async function readVocabulary(folder: string, size: number): Promise<Vocabulary> {
  const tokenizer = tokenizerJsonSchema.parse(
    JSON.parse(await readFile(join(folder, "tokenizer.json"), "utf8")),
  );
  return Vocabulary.fromTokenizer(tokenizer, size);
}

/** Sets to zero the rows of the output matrix, of which `patterns` holds some, that belong to no text. */
function silence(
  patterns: Uint16Array,
  { columns, first }: { columns: number; first: number },
  vocabulary: Vocabulary,
): void {
  for (let row = 0; row < patterns.length / columns; row += 1) {
    const id = first + row;
    const bytes = vocabulary.bytes(id);
    if (vocabulary.isControl(id) || bytes.length === 0 || !isUtf8(bytes)) {
      patterns.fill(0, row * columns, (row + 1) * columns);
    }
  }
}

interface WeightShape {
  readonly name: string;
  readonly extents: readonly number[];
  readonly count: number;
}

/** Eight bytes of length, then JSON padded with blanks to a multiple of eight. */
function safetensorsHeader(weights: readonly WeightShape[]): Uint8Array {
  let end = 0;
  const entries = weights.map(({ name, extents, count }) => {
    const begin = end;
    end += 2 * count;
    return [name, { dtype: "BF16", shape: extents, data_offsets: [begin, end] }] as const;
  });
  const json = JSON.stringify(Object.fromEntries(entries));
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}

/** Normally distributed weights: random 16-bit numbers (AES in counter mode) choose from a table of quantiles. */
class RandomWeights {
  readonly #cipher;
  readonly #tables = new Map<number, Uint16Array>();
  readonly #deviates: Float32Array;

  constructor(seed: number) {
    const key = createHash("sha256").update(String(seed)).digest();
    this.#cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
    const random = new Random(seed, 0);
    // Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
    this.#deviates = Float32Array.from(
      { length: 1 << 16 },
      () => DEVIATION * Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()),
    );
  }

  /** Their bfloat16 patterns. */
  bfloats(count: number, mean: number): Uint16Array<ArrayBuffer> {
    const table = this.#table(mean);
    const drawn = this.#cipher.update(Buffer.alloc(2 * count));
    const patterns = new Uint16Array(count);
    for (let index = 0; index < count; index += 1) {
      patterns[index] = table[drawn.readUInt16LE(2 * index)] ?? 0;
    }
    return patterns;
  }

  #table(mean: number): Uint16Array {
    const known = this.#tables.get(mean);
    if (known !== undefined) return known;
    const words = new Int32Array(this.#deviates.map((deviate) => deviate + mean).buffer);
    const table = Uint16Array.from(words, bfloatOf);
    this.#tables.set(mean, table);
    return table;
  }
}

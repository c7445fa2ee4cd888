import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeSyntheticCheckpoint } from "../../bench/synthetic-model.ts";
import { openCheckpoint } from "../../drivers/local/checkpoint/index.ts";
import { tokenizerFolder } from "../golden-data.ts";

const SHAPE = {
  hidden_size: 16,
  intermediate_size: 64,
  num_attention_heads: 2,
  num_hidden_layers: 1,
  vocab_size: 50280,
  max_position_embeddings: 64,
};

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "dolly-synthetic-"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function make(name: string, seed: number): Promise<string> {
  const folder = join(scratch, name);
  await writeSyntheticCheckpoint(folder, SHAPE, { seed, tokenizerFolder: tokenizerFolder("dolly-v2") });
  return folder;
}

/** The values of one weight. */
async function weight(folder: string, name: string): Promise<Float32Array> {
  const checkpoint = await openCheckpoint(folder);
  try {
    const found = checkpoint.weights.get(name);
    if (found === undefined) throw new Error(`no weight ${name}`);
    const bytes = new Uint8Array(found.bytes);
    await found.file.read(found.offset, bytes);
    return new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (half) => half << 16).buffer);
  } finally {
    await checkpoint.close();
  }
}

test("the checkpoint is one that the converter reads, with weights of Pythia's spread", async () => {
  const embedding = await weight(await make("model", 1), "gpt_neox.embed_in.weight");
  expect(embedding).toHaveLength(50280 * 16);
  const mean = embedding.reduce((sum, value) => sum + value, 0) / embedding.length;
  const variance = embedding.reduce((sum, value) => sum + (value - mean) ** 2, 0) / embedding.length;
  expect(mean).toBeCloseTo(0, 3);
  expect(Math.sqrt(variance)).toBeCloseTo(0.02, 3);
});

test("tokens that are no text of their own can never be the most likely", async () => {
  const output = await weight(await make("output", 1), "embed_out.weight");
  const silent = (id: number) => output.subarray(id * 16, (id + 1) * 16).every((value) => value === 0);
  const { model }: { model: { vocab: Record<string, number> } } = JSON.parse(
    readFileSync(join(tokenizerFolder("dolly-v2"), "tokenizer.json"), "utf8"),
  );
  expect(silent(0)).toBe(true);
  expect(silent(50277)).toBe(true);
  expect(silent(model.vocab["Ã"] ?? -1)).toBe(true);
  expect(silent(model.vocab["Ġthe"] ?? -1)).toBe(false);
});

test("a seed gives the same bytes again, another seed gives others", async () => {
  const [first, again, other] = [await make("a", 7), await make("b", 7), await make("c", 8)].map((folder) =>
    readFileSync(join(folder, "model.safetensors")),
  );
  expect(first?.equals(again ?? Buffer.alloc(0))).toBe(true);
  expect(first?.equals(other ?? Buffer.alloc(0))).toBe(false);
});

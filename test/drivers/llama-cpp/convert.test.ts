import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { convertToGguf } from "../../../drivers/llama-cpp/convert.ts";
import type { TensorType } from "../../../drivers/llama-cpp/gguf/format.ts";
import { type GgufHeader, readGguf } from "../../../drivers/llama-cpp/gguf/read.ts";
import { OperatorError } from "../../../src/errors.ts";
import { embeddedModel, goldenCheckpoints } from "../../golden-data.ts";
import {
  checkpointFolder,
  newFolder,
  removeCheckpoints,
  safetensors,
  TINY_CONFIG,
  tinyCheckpoint,
  tinyTensors,
} from "../local/checkpoint/tiny-checkpoint.ts";

afterAll(removeCheckpoints);

async function converted(source: string, type: TensorType, output = join(newFolder(), "model.gguf")) {
  const progress: number[] = [];
  const result = await convertToGguf({ source, type, output, onProgress: (done) => progress.push(done) });
  return { output, progress, result, header: await readGguf(output), bytes: readFileSync(output) };
}

function tensorOf({ header, bytes }: { header: GgufHeader; bytes: Buffer }, name: string): Buffer {
  const tensor = header.tensors.find((each) => each.name === name);
  if (!tensor?.bytes) throw new Error(`no ${name}`);
  return bytes.subarray(tensor.offset, tensor.offset + tensor.bytes);
}

test("the file, its size, its hash and the progress agree", async () => {
  const { result, bytes, progress } = await converted(tinyCheckpoint(), "f16");
  expect(result).toEqual({
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  });
  expect(progress.at(-1)).toBe(1);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
});

test("tokens have the kinds that llama.cpp knows, and rows without a token are unused", async () => {
  const { header } = await converted(tinyCheckpoint(), "f32");
  const tokens = header.metadata.get("tokenizer.ggml.tokens");
  const types = header.metadata.get("tokenizer.ggml.token_type");
  expect(Array.isArray(tokens) && tokens.slice(0, 8)).toEqual([
    "<|endoftext|>",
    "a",
    "b",
    "ab",
    "Ġ",
    "  ",
    "### End",
    "[PAD7]",
  ]);
  // control, normal × 4, user-defined, control, unused
  expect(Array.isArray(types) && types.slice(0, 8)).toEqual([3, 1, 1, 1, 1, 4, 3, 5]);
  expect(header.metadata.get("tokenizer.ggml.merges")).toEqual(["a b"]);
});

test("queries, keys and values of the heads are put in blocks", async () => {
  const file = await converted(tinyCheckpoint(), "f32");
  const name = "gpt_neox.layers.0.attention.query_key_value";
  const source = tinyTensors();
  const rows = (data: Uint8Array, width: number, from: number) =>
    Buffer.from(data).subarray(from * width, (from + 16) * width);
  // Rows of 16 in the source: q0 k0 v0 q1 k1 v1.
  const order = [0, 48, 16, 64, 32, 80];
  for (const [part, width] of [
    ["weight", 32 * 4],
    ["bias", 4],
  ] as const) {
    const data = source.get(`${name}.${part}`)?.data ?? new Uint8Array();
    const expected = Buffer.concat(order.map((row) => rows(data, width, row)));
    expect(tensorOf(file, `blk.0.attn_qkv.${part}`).equals(expected)).toBe(true);
  }
  const plain = source.get("embed_out.weight")?.data ?? new Uint8Array();
  expect(tensorOf(file, "output.weight").equals(Buffer.from(plain))).toBe(true);
});

test("a matrix whose rows are no whole number of blocks falls back to f16", async () => {
  const tensors = tinyTensors();
  const resized = (name: string, shape: number[]) =>
    tensors.set(name, {
      dtype: "F32",
      shape,
      data: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)),
    });
  resized("gpt_neox.layers.0.mlp.dense_h_to_4h.weight", [48, 32]);
  resized("gpt_neox.layers.0.mlp.dense_h_to_4h.bias", [48]);
  resized("gpt_neox.layers.0.mlp.dense_4h_to_h.weight", [32, 48]);
  const source = checkpointFolder(
    { "model.safetensors": safetensors(tensors) },
    { ...TINY_CONFIG, intermediate_size: 48 },
  );
  const { header } = await converted(source, "q8_0");
  const types = new Map(header.tensors.map(({ name, type }) => [name, type]));
  expect([types.get("blk.0.ffn_up.weight"), types.get("blk.0.ffn_down.weight")]).toEqual(["q8_0", "f16"]);
});

test("base model and datasets of the card are kept", async () => {
  const source = checkpointFolder({
    "model.safetensors": safetensors(tinyTensors()),
    "README.md":
      "---\nlicense: mit\nbase_model: EleutherAI/pythia-2.8b\ndatasets:\n- databricks/databricks-dolly-15k\n---\n# A model\n",
  });
  const { header } = await converted(source, "f32");
  expect(header.metadata.get("general.license")).toBe("mit");
  expect(header.metadata.get("general.base_model.0.name")).toBe("pythia-2.8b");
  expect(header.metadata.get("general.base_model.0.repo_url")).toBe(
    "https://huggingface.co/EleutherAI/pythia-2.8b",
  );
  expect(header.metadata.get("general.datasets")).toEqual(["databricks/databricks-dolly-15k"]);
});

async function failure(source: string, output: string, signal?: AbortSignal): Promise<unknown> {
  return convertToGguf({ source, type: "f16", output, ...(signal && { signal }) }).catch(
    (reason: unknown) => reason,
  );
}

test.for(goldenCheckpoints("gptj"))("$name is refused, and told who could run it", async ({ folder }) => {
  const output = join(newFolder(), "model.gguf");
  const error = await failure(folder, output);
  expect(error).toBeInstanceOf(OperatorError);
  expect(String(error)).toMatch(/GPT-J.*llama\.cpp.*driver: onnx/);
  expect(readdirSync(dirname(output))).toEqual([]);
});

test("a value that f16 cannot hold is refused by its tensor, and what was there before stays", async () => {
  const source = tinyCheckpoint((tensors) => {
    const data = tensors.get("embed_out.weight")?.data;
    if (data) new DataView(data.buffer).setFloat32(400, 70_000, true);
  });
  const output = join(newFolder(), "model.gguf");
  writeFileSync(output, "before");
  const error = await failure(source, output);
  expect(error).toBeInstanceOf(OperatorError);
  expect(String(error)).toMatch(
    /model\.safetensors: tensor "embed_out\.weight" holds a value too large for 16 bits/,
  );
  expect(readdirSync(dirname(output))).toEqual(["model.gguf"]);
  expect(readFileSync(output, "utf8")).toBe("before");
});

test("an abort leaves nothing behind", async () => {
  const output = join(newFolder(), "model.gguf");
  const stopped = new AbortController();
  const reason = new Error("enough");
  const result = convertToGguf({
    source: embeddedModel,
    type: "f16",
    output,
    signal: stopped.signal,
    onProgress: () => stopped.abort(reason),
  });
  await expect(result).rejects.toBe(reason);
  expect(readdirSync(dirname(output))).toEqual([]);
});

test("an output that cannot be written is named", async () => {
  const nowhere = join(newFolder(), "missing", "model.gguf");
  expect(String(await failure(tinyCheckpoint(), nowhere))).toMatch(
    /missing.model\.gguf: no such file or folder/,
  );
  const taken = join(newFolder(), "model.gguf");
  mkdirSync(taken);
  expect(await failure(tinyCheckpoint(), taken)).toBeInstanceOf(OperatorError);
  expect(readdirSync(dirname(taken))).toEqual(["model.gguf"]);
});

import { mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { toFloat32 } from "../../../../drivers/local/checkpoint/floats.ts";
import { type Checkpoint, openCheckpoint } from "../../../../drivers/local/checkpoint/index.ts";
import { WEIGHT_DTYPES } from "../../../../drivers/local/checkpoint/tensor.ts";
import { OperatorError } from "../../../../src/errors.ts";
import { embeddedModel, goldenCheckpoints } from "../../../golden-data.ts";
import {
  checkpointFolder,
  newFolder,
  type RawTensor,
  removeCheckpoints,
  safetensors,
  safetensorsFile,
  TINY_CONFIG,
  TINY_TOKENIZER,
  tinyCheckpoint,
  tinyTensors,
} from "./tiny-checkpoint.ts";

afterAll(removeCheckpoints);

async function opened<T>(folder: string, use: (checkpoint: Checkpoint) => T | Promise<T>): Promise<T> {
  const checkpoint = await openCheckpoint(folder);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

const hashOf = (folder: string) => opened(folder, (checkpoint) => checkpoint.contentHash());

/** The message with which a folder is refused. */
async function refusal(folder: string): Promise<string> {
  const error = await openCheckpoint(folder).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(OperatorError);
  return error instanceof OperatorError ? error.message : "";
}

async function values(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  const weight = checkpoint.weights.get(name);
  if (!weight) throw new Error(`no ${name}`);
  const raw = new Uint8Array(weight.bytes);
  await weight.file.read(weight.offset, raw);
  const floats = new Float32Array(weight.bytes / WEIGHT_DTYPES[weight.dtype]);
  toFloat32(weight.dtype, raw, floats);
  return floats;
}

test.for(goldenCheckpoints())(
  "$name opens in its own layout, without its mask buffers",
  async ({ folder }) => {
    await opened(folder, ({ weights, config, tokenizer }) => {
      const first = config.architecture === "gptj" ? "transformer.wte.weight" : "gpt_neox.embed_in.weight";
      expect(weights.get(first)?.shape).toEqual([config.vocabularySize, config.hiddenSize]);
      expect([...weights.keys()].filter((name) => /attention\.bias|masked_bias|inv_freq/.test(name))).toEqual(
        [],
      );
      expect(tokenizer.roles.eos).toBe(0);
    });
  },
);

test("the embedded model says its licence and its shape", async () => {
  await opened(embeddedModel, ({ config, card, weights }) => {
    expect(card.license).toBe("cc-by-sa-3.0");
    expect(config).toMatchObject({
      headSize: 80,
      rotaryDimensions: 20,
      contextLength: 1024,
      dtype: "float16",
    });
    expect(weights.size).toBe(76);
  });
});

test("both generations of config.json mean the same", async () => {
  const { rotary_pct, rotary_emb_base, torch_dtype, ...rest } = TINY_CONFIG;
  const today = {
    ...rest,
    dtype: torch_dtype,
    rope_parameters: { rope_type: "default", rope_theta: rotary_emb_base, partial_rotary_factor: rotary_pct },
  };
  const weights = { "model.safetensors": safetensors(tinyTensors()) };
  const old = await opened(checkpointFolder(weights), ({ config }) => config);
  expect(await opened(checkpointFolder(weights, today), ({ config }) => config)).toEqual(old);
  expect(old).toMatchObject({ rotaryDimensions: 4, ropeTheta: 10_000 });
});

test("float16 and bfloat16 read as the numbers they stand for", async () => {
  const set = (dtype: string, bits: number[]) => (tensors: Map<string, RawTensor>) => {
    const halves = new Uint16Array(32);
    halves.set(bits);
    tensors.set("gpt_neox.final_layer_norm.bias", {
      dtype,
      shape: [32],
      data: new Uint8Array(halves.buffer),
    });
  };
  const read = (folder: string) =>
    opened(folder, async (checkpoint) => [
      ...(await values(checkpoint, "gpt_neox.final_layer_norm.bias")).slice(0, 6),
    ]);
  expect(await read(tinyCheckpoint(set("F16", [0x3c00, 0xc000, 0x0001, 0x03ff, 0x7bff, 0x8000])))).toEqual([
    1,
    -2,
    2 ** -24,
    1023 * 2 ** -24,
    65504,
    -0,
  ]);
  expect(await read(tinyCheckpoint(set("BF16", [0x3f80, 0xc000, 0x0001, 0x4049, 0, 0x8000])))).toEqual([
    1,
    -2,
    2 ** -133,
    3.140625,
    0,
    -0,
  ]);
});

test("an output matrix may be called lm_head, or be tied to the embedding", async () => {
  const renamed = tinyCheckpoint((tensors) => {
    const output = tensors.get("embed_out.weight");
    tensors.delete("embed_out.weight");
    if (output) tensors.set("lm_head.weight", output);
  });
  const tensors = tinyTensors();
  tensors.delete("embed_out.weight");
  const tied = checkpointFolder(
    { "model.safetensors": safetensors(tensors) },
    { ...TINY_CONFIG, tie_word_embeddings: true },
  );
  const outputOf = (folder: string) =>
    opened(folder, async (checkpoint) => (await values(checkpoint, "embed_out.weight"))[0]);
  expect(await outputOf(renamed)).toBe(tinyTensors().size - 1);
  expect(await outputOf(tied)).toBe(0);
});

test("the content's hash follows the content, not its place or time", async () => {
  const hash = await hashOf(tinyCheckpoint());
  const copy = tinyCheckpoint();
  utimesSync(join(copy, "model.safetensors"), 1, 1);
  expect(await hashOf(copy)).toBe(hash);
  const tensors = tinyTensors();
  tensors.get("embed_out.weight")?.data.set([1], 100);
  writeFileSync(join(copy, "model.safetensors"), safetensors(tensors));
  expect(await hashOf(copy)).not.toBe(hash);
});

test("a remembered hash is used, a damaged memory is not", async () => {
  const folder = tinyCheckpoint();
  const cacheDir = newFolder();
  const seen: number[] = [];
  const hash = () =>
    opened(folder, (checkpoint) =>
      checkpoint.contentHash({ cacheDir, onProgress: (done) => seen.push(done) }),
    );
  const first = await hash();
  expect(seen.at(-1)).toBe(1);
  seen.length = 0;
  expect(await hash()).toBe(first);
  expect(seen).toEqual([]);
  writeFileSync(join(cacheDir, "content-hashes.json"), '{"1": 2');
  expect(await hash()).toBe(first);
  expect(seen.at(-1)).toBe(1);
});

const wrongConfigs: [what: string, change: object, message: RegExp][] = [
  ["another architecture", { model_type: "llama" }, /config\.json.*"llama".*gpt_neox/],
  ["no architecture", { model_type: undefined }, /config\.json.*model_type/],
  ["a missing size", { hidden_size: undefined }, /config\.json: hidden_size/],
  ["a fractional size", { num_hidden_layers: 1.5 }, /num_hidden_layers/],
  ["an overflowing size", { vocab_size: 2 ** 60 }, /vocab_size/],
  ["heads that do not divide", { num_attention_heads: 3 }, /3 attention heads do not divide/],
  ["an odd rotary dimension", { rotary_pct: 0.2 }, /3 rotary dimensions/],
  ["an unknown activation", { hidden_act: "relu" }, /hidden_act/],
  ["scaled rotary embeddings", { rope_scaling: { type: "linear", factor: 2 } }, /rope_scaling\.type/],
  ["quantised weights", { quantization_config: { bits: 4 } }, /quantization_config.*quantised/],
  ["an end of text beyond the vocabulary", { eos_token_id: 40 }, /token id 40/],
];

test.for(wrongConfigs)("a configuration with %s is refused", async ([, change, message]) => {
  const folder = checkpointFolder(
    { "model.safetensors": safetensors(tinyTensors()) },
    { ...TINY_CONFIG, ...change },
  );
  expect(await refusal(folder)).toMatch(message);
});

const NORM = "gpt_neox.final_layer_norm.bias";
const wrongTensors: [what: string, change: (tensors: Map<string, RawTensor>) => void, message: RegExp][] = [
  ["missing", (tensors) => tensors.delete(NORM), /tensor "gpt_neox\.final_layer_norm\.bias" is missing/],
  [
    "unknown",
    (tensors) => tensors.set("lora.weight", { dtype: "F32", shape: [1], data: new Uint8Array(4) }),
    /model\.safetensors: tensor "lora\.weight" is none/,
  ],
  [
    "of another shape",
    (tensors) => tensors.set(NORM, { dtype: "F32", shape: [2, 16], data: new Uint8Array(128) }),
    /"gpt_neox\.final_layer_norm\.bias" has shape \[2,16\].*\[32\]/,
  ],
  [
    "of another type",
    (tensors) => tensors.set(NORM, { dtype: "F64", shape: [32], data: new Uint8Array(256) }),
    /is of type F64; F32, F16 and BF16/,
  ],
  [
    "of a type that does not exist",
    (tensors) => tensors.set(NORM, { dtype: "F33", shape: [32], data: new Uint8Array(128) }),
    /unknown type "F33"/,
  ],
  [
    "shorter than its shape",
    (tensors) => tensors.set(NORM, { dtype: "F32", shape: [32], data: new Uint8Array(124) }),
    /does not fill bytes/,
  ],
  [
    "so large that its size overflows",
    (tensors) => tensors.set(NORM, { dtype: "F32", shape: [2 ** 52, 2 ** 52], data: new Uint8Array(128) }),
    /does not fill bytes/,
  ],
];

test.for(wrongTensors)("a tensor that is %s is refused by its name", async ([, change, message]) => {
  expect(await refusal(tinyCheckpoint(change))).toMatch(message);
});

const entry = (begin: number, end: number) =>
  `{"dtype":"F32","shape":[${(end - begin) / 4}],"data_offsets":[${begin},${end}]}`;
const wrongFiles: [what: string, content: Uint8Array, message: RegExp][] = [
  ["empty", new Uint8Array(0), /too short/],
  ["of another kind", Buffer.from("PK\u0003\u0004PK\u0003\u0004PK"), /claims a header of \d+ bytes/],
  ["without JSON", safetensorsFile("{", new Uint8Array(0)), /not valid JSON/],
  ["with a list for a header", safetensorsFile("[]", new Uint8Array(0)), /not a JSON object/],
  [
    "with an overlap",
    safetensorsFile(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, Buffer.alloc(12)),
    /"b" overlaps/,
  ],
  [
    "with a gap",
    safetensorsFile(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, Buffer.alloc(12)),
    /"b" follows a gap/,
  ],
  [
    "with a tensor past its end",
    safetensorsFile(`{"a":${entry(0, 64)}}`, Buffer.alloc(60)),
    /"a" ends past the end/,
  ],
  [
    "with bytes to spare",
    safetensorsFile(`{"a":${entry(0, 4)}}`, Buffer.alloc(8)),
    /4 bytes that belong to no tensor/,
  ],
  [
    "with negative offsets",
    safetensorsFile(`{"a":${entry(-4, 0)}}`, Buffer.alloc(4)),
    /"a" is described wrongly/,
  ],
  ["nested a million deep", safetensorsFile("[".repeat(1e6), new Uint8Array(0)), /not valid JSON/],
];

test.for(wrongFiles)("a safetensors file %s is refused", async ([, content, message]) => {
  expect(await refusal(checkpointFolder({ "model.safetensors": content }))).toMatch(message);
});

const shard = (names: (name: string) => boolean) =>
  safetensors(new Map([...tinyTensors()].filter(([name]) => names(name))));
const index = (place: (name: string) => string) =>
  JSON.stringify({
    weight_map: Object.fromEntries([...tinyTensors().keys()].map((name) => [name, place(name)])),
  });
const inFirst = (name: string) => name.startsWith("gpt_neox.layers");

test("shards are read by their index", async () => {
  const folder = checkpointFolder({
    "model.safetensors.index.json": index((name) => (inFirst(name) ? "a.safetensors" : "b.safetensors")),
    "a.safetensors": shard(inFirst),
    "b.safetensors": shard((name) => !inFirst(name)),
  });
  const single = await opened(tinyCheckpoint(), ({ weights }) => [...weights.keys()]);
  expect(await opened(folder, ({ weights }) => [...weights.keys()])).toEqual(single);
});

const wrongIndexes: [what: string, files: Record<string, string | Uint8Array>, message: RegExp][] = [
  [
    "leaves the folder",
    { "model.safetensors.index.json": index(() => "../a.safetensors") },
    /"\.\.\/a.* leaves the folder/,
  ],
  [
    "is absolute",
    { "model.safetensors.index.json": index(() => "/etc/passwd") },
    /"\/etc\/passwd" leaves the folder/,
  ],
  [
    "names a shard that is not there",
    { "model.safetensors.index.json": index(() => "a.safetensors") },
    /a\.safetensors: no such file/,
  ],
  [
    "places a tensor where it is not",
    { "model.safetensors.index.json": index(() => "a.safetensors"), "a.safetensors": shard(inFirst) },
    /a\.safetensors: tensor ".*" is missing, though the index places it here/,
  ],
  [
    "has a tensor twice",
    {
      "model.safetensors.index.json": index((name) => (inFirst(name) ? "a.safetensors" : "b.safetensors")),
      "a.safetensors": shard(() => true),
      "b.safetensors": shard((name) => !inFirst(name)),
    },
    /b\.safetensors: tensor ".*" is in .*a\.safetensors too/,
  ],
  ["is no index", { "model.safetensors.index.json": "{}" }, /is not an index of shards/],
];

test.for(wrongIndexes)("an index that %s is refused", async ([, files, message]) => {
  expect(await refusal(checkpointFolder(files))).toMatch(message);
});

test.skipIf(process.platform === "win32")(
  "a link that leaves the folder is refused, one into a cache's blobs is followed",
  async () => {
    const outside = join(tinyCheckpoint(), "model.safetensors");
    const linked = checkpointFolder({});
    symlinkSync(outside, join(linked, "model.safetensors"));
    expect(await refusal(linked)).toMatch(/model\.safetensors: is a symbolic link that leaves the folder/);

    const repository = newFolder();
    mkdirSync(join(repository, "blobs"));
    mkdirSync(join(repository, "snapshots"));
    renameSync(outside, join(repository, "blobs", "0123"));
    const snapshot = join(repository, "snapshots", "main");
    renameSync(checkpointFolder({}), snapshot);
    symlinkSync("../../blobs/0123", join(snapshot, "model.safetensors"));
    expect(await opened(snapshot, ({ weights }) => weights.size)).toBe(tinyTensors().size);
  },
);

test("what is missing from a folder is named", async () => {
  expect(await refusal(join(newFolder(), "nowhere"))).toMatch(/nowhere: no such file or folder/);
  expect(await refusal(join(tinyCheckpoint(), "config.json"))).toMatch(/is not a checkpoint folder/);
  expect(await refusal(newFolder())).toMatch(/config\.json: no such file/);
  expect(await refusal(checkpointFolder({}))).toMatch(
    /holds no weights: none of model\.safetensors.*\.json$/,
  );
  expect(await refusal(checkpointFolder({ "model.onnx": "" }))).toMatch(/holds no weights: .*--driver onnx/);
  const beyond = {
    ...TINY_TOKENIZER,
    added_tokens: [{ id: 40, content: "x", special: true, normalized: false }],
  };
  expect(await refusal(checkpointFolder({ "tokenizer.json": JSON.stringify(beyond) }))).toMatch(
    /tokenizer\.json: token "x" has id 40/,
  );
});

test("a file cut anywhere is refused, and never opens", async () => {
  const whole = safetensors(tinyTensors());
  for (let percent = 0; percent < 100; percent++) {
    const cut = whole.subarray(0, Math.floor((whole.length * percent) / 100));
    expect(await refusal(checkpointFolder({ "model.safetensors": cut }))).toContain("model.safetensors: ");
  }
});

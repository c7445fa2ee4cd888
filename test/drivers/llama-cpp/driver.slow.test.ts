import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { convertToGguf } from "../../../drivers/llama-cpp/convert.ts";
import { llamaCpp } from "../../../drivers/llama-cpp/index.ts";
import type { Model } from "../../../src/core/driver.ts";
import { OperatorError } from "../../../src/errors.ts";
import { embeddedModel, goldenCheckpoints } from "../../golden-data.ts";
import { embeddedAnswers, expectGoldenAnswers } from "../local/embedded-answers.ts";
import { loadContext, loadModel, removeCache } from "./driver-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "llama-cpp-driver-"));
const loaded: Model[] = [];

/** Loads a model that is closed after the test. */
async function load(...args: Parameters<typeof loadModel>) {
  const { model, progress } = await loadModel(...args);
  loaded.push(model);
  return { model, tasks: new Set(progress.map(({ task }) => task)) };
}

const inspect = (options: Readonly<Record<string, unknown>>, maxModelLen?: number) =>
  llamaCpp.bind(options).inspect(loadContext({ maxModelLen }));

afterEach(() => Promise.all(loaded.splice(0).map((model) => model.close())));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  removeCache();
});

describe("the embedded checkpoint", () => {
  test("is converted once, and gives the golden answers, all at once", async () => {
    const first = await load({ model: embeddedModel, type: "f32" });
    expect(first.tasks).toContain("converting tested to f32");
    expect(first.tasks).toContain("loading tested");
    expect(first.model).toMatchObject({
      name: "dolly-v2-tiny",
      precision: "f32",
      slots: 4,
      vocabularySize: 6144,
    });
    expect(first.model.detokenize([first.model.endOfText ?? -1], { control: true })).toBe("<|endoftext|>");
    await expectGoldenAnswers(first.model, embeddedAnswers);
    const second = await load({ model: embeddedModel, type: "f32" });
    expect(second.tasks).not.toContain("converting tested to f32");
    expect(second.model.fingerprint).toBe(first.model.fingerprint);
  });

  test("is served as f16 where no type is given, with a fingerprint of its own", async () => {
    const { model } = await load({ model: embeddedModel, parallel: 8 });
    expect(model).toMatchObject({ precision: "f16", slots: 8 });
    expect(model.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(model.fingerprint).not.toBe((await load({ model: embeddedModel, type: "f32" })).model.fingerprint);
    await expectGoldenAnswers(model, embeddedAnswers.slice(0, 16));
  });

  test("max_model_len bounds the context", async () => {
    const { model } = await load({ model: embeddedModel }, { maxModelLen: 100 });
    expect(model.contextLength).toBe(100);
  });
});

describe("a GGUF file", () => {
  const path = join(folder, "Dolly-Tiny.GGUF");

  beforeAll(async () => {
    await convertToGguf({ source: embeddedModel, type: "f16", output: path });
  });

  test("is served as it is, under its own name", async () => {
    const { model, tasks } = await load({ model: path });
    expect([...tasks].filter((task) => task.startsWith("converting"))).toEqual([]);
    expect(model).toMatchObject({ name: "Dolly-Tiny", precision: "f16" });
    await expectGoldenAnswers(model, embeddedAnswers.slice(0, 4));
  });

  test("as published in 2023: no pretokeniser, no tokenizer.json, every added token user-defined", async () => {
    const bytes = readFileSync(path);
    for (const key of ["tokenizer.ggml.pre", "tokenizer.huggingface.json", "tokenizer.ggml.eot_token_id"]) {
      const at = bytes.indexOf(key);
      expect(at, key).toBeGreaterThan(0);
      bytes.write("x", at + key.length - 1);
    }
    // The header of an array: its type (9), its elements' type (int32: 5), their count; then a type for each token.
    const types = bytes.indexOf("tokenizer.ggml.token_type") + "tokenizer.ggml.token_type".length + 16;
    for (let id = 0; id < 6144; id += 1) {
      if (bytes.readInt32LE(types + 4 * id) === 3) bytes.writeInt32LE(4, types + 4 * id);
    }
    const old = join(folder, "old.gguf");
    writeFileSync(old, bytes);
    const { model } = await load({ model: old });
    const original = (await load({ model: path })).model;
    expect([...model.controlTokens].sort()).toEqual([...original.controlTokens].sort());
    const prompt = { parts: [{ markup: "### Instruction:\nnaïve  code\n\n### Response:\n" }], end: [] };
    expect(model.tokenize(prompt)).toEqual(original.tokenize(prompt));
    await expectGoldenAnswers(model, embeddedAnswers.slice(0, 4));
  });

  test("refuses another type than its own, and a name that is none of a model's", async () => {
    await expect(inspect({ model: path, type: "q8_0" })).rejects.toThrow(
      `${path}: is f16, and type: q8_0 was asked for`,
    );
    const other = join(folder, "model.bin");
    copyFileSync(path, other);
    await expect(inspect({ model: other })).rejects.toThrow("neither the folder of a checkpoint nor a .gguf");
    await expect(inspect({ model: join(folder, "none") })).rejects.toThrow("no such file or folder");
  });

  test("cut in the middle, or damaged so that only llama.cpp notices: the file is named", async () => {
    const bytes = readFileSync(path);
    const cut = join(folder, "cut.gguf");
    writeFileSync(cut, bytes.subarray(0, bytes.length >> 1));
    await expect(load({ model: cut })).rejects.toThrow(/cut\.gguf: .*truncated/);
    const at = bytes.indexOf("blk.1.ffn_up.weight");
    bytes.write("blk.1.ffn_up.weighX", at);
    const damaged = join(folder, "damaged.gguf");
    writeFileSync(damaged, bytes);
    await expect(load({ model: damaged })).rejects.toThrow(/damaged\.gguf.*blk\.1\.ffn_up\.weight/);
  });
});

test("inspecting reads headers only and tells the same", async () => {
  expect(await inspect({ model: embeddedModel, type: "q4_0" })).toMatchObject({
    name: "dolly-v2-tiny",
    vocabularySize: 6144,
    precision: "q4_0",
    controlTokens: expect.arrayContaining(["### End", "### Response:\n", "<|endoftext|>"]),
  });
});

test("a context longer than the model's is refused with both figures", async () => {
  const { contextLength } = await inspect({ model: embeddedModel });
  await expect(inspect({ model: embeddedModel }, contextLength + 1)).rejects.toThrow(
    `tested: max_model_len ${contextLength + 1} is more than the model's context of ${contextLength} tokens`,
  );
});

test("GPT-J is refused, and said to be no model of llama.cpp", async () => {
  const [gptj] = goldenCheckpoints("gptj-hd256");
  const refused = inspect({ model: gptj?.folder ?? "" });
  await expect(refused).rejects.toThrow(OperatorError);
  await expect(refused).rejects.toThrow(/GPT-J.*llama\.cpp/);
});

test("a GPU build that is not installed: the command that installs it", async () => {
  const metal = process.platform === "darwin" ? "cuda" : "metal";
  await expect(load({ model: embeddedModel, gpu: metal })).rejects.toThrow(`gpu: ${metal} is not to be had`);
});

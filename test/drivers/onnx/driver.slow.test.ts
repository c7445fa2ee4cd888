import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { convertToFolder } from "../../../drivers/onnx/convert-folder.ts";
import { onnx } from "../../../drivers/onnx/index.ts";
import type { Model } from "../../../src/core/driver.ts";
import { NEUTRAL } from "../../../src/core/generation.ts";
import { OperatorError } from "../../../src/errors.ts";
import { embeddedModel, goldenCheckpoints } from "../../golden-data.ts";
import { loadModel as loadLlamaModel, removeCache as removeLlamaCache } from "../llama-cpp/driver-fixture.ts";
import { answerOf, embeddedAnswers, expectGoldenAnswers } from "../local/embedded-answers.ts";
import { loadContext, loadModel, removeCache } from "./driver-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "onnx-driver-"));
const loaded: Model[] = [];

/** Loads a model that is closed after the test. */
async function load(...args: Parameters<typeof loadModel>) {
  const { model, progress } = await loadModel(...args);
  loaded.push(model);
  return { model, tasks: new Set(progress.map(({ task }) => task)) };
}

const inspect = (options: Readonly<Record<string, unknown>>, maxModelLen?: number) =>
  onnx.bind(options).inspect(loadContext({ maxModelLen }));

afterEach(() => Promise.all(loaded.splice(0).map((model) => model.close())));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  removeCache();
  removeLlamaCache();
});

describe("the embedded checkpoint", () => {
  test("is converted once, and gives the golden answers, all at once", async () => {
    const first = await load({ model: embeddedModel, type: "f32" });
    expect(first.tasks).toContain("converting tested to f32");
    expect(first.model).toMatchObject({ name: "dolly-v2-tiny", precision: "f32", slots: 4 });
    await expectGoldenAnswers(first.model, embeddedAnswers);
    const second = await load({ model: embeddedModel, type: "f32" });
    expect(second.tasks).not.toContain("converting tested to f32");
    expect(second.model.fingerprint).toBe(first.model.fingerprint);
  });

  test("is served as f16 where no type is given", async () => {
    const { model } = await load({ model: embeddedModel, parallel: 8 });
    expect(model.precision).toBe("f16");
    await expectGoldenAnswers(model, embeddedAnswers);
  });

  // It knows what it was trained on by heart, which rounding does not take away.
  test.each([
    [{ type: "bf16" }, "bf16", 0.95],
    [{ type: "int8" }, "int8", 0.95],
    [{ type: "q8", block: 32 }, "q8-b32", 0.95],
    [{ type: "int4" }, "int4-b128", 0.9],
    [{ type: "int4", block: 32 }, "int4-b32", 0.9],
  ])("as %o it still knows what it knew", async (options, precision, share) => {
    const { model } = await load({ model: embeddedModel, ...options });
    expect(model.precision).toBe(precision);
    const known = embeddedAnswers.filter(({ first_tie }) => first_tie === null);
    const answers = await Promise.all(known.map(({ prompt_ids }) => answerOf(model, prompt_ids)));
    const same = answers.filter((ids, index) => ids.join() === known[index]?.greedy_ids.join());
    expect(same.length / known.length).toBeGreaterThanOrEqual(share);
  });

  test("a seed gives the same text as the other engine gives", async () => {
    const { model } = await load({ model: embeddedModel, type: "f32" });
    const { model: other } = await loadLlamaModel({ model: embeddedModel, type: "f32" });
    loaded.push(other);
    const [{ prompt_ids: prompt = [] } = {}] = embeddedAnswers;
    for (const seed of [1, 2, 3, 4]) {
      const sampling = { ...NEUTRAL, temperature: 0.7, logitBias: [], seed };
      const ids = await answerOf(model, prompt, { sampling });
      expect(await answerOf(other, prompt, { sampling })).toEqual(ids);
    }
  });

  test("max_model_len bounds the context, and may not exceed the model's", async () => {
    const { model } = await load({ model: embeddedModel }, { maxModelLen: 100 });
    expect(model.contextLength).toBe(100);
    await expect(inspect({ model: embeddedModel }, 4096)).rejects.toThrow("max_model_len 4096");
  });
});

test.each(goldenCheckpoints("gptj-"))(
  "$name is a GPT-J model that answers",
  async ({ folder: model, cases }) => {
    const { model: gptj } = await load({ model, type: "f32" });
    for (const { prompt, greedy } of cases.filter(({ greedy }) => greedy.length > 0)) {
      expect(await answerOf(gptj, prompt, { stopTokens: [], maxTokens: greedy.length })).toEqual(greedy);
    }
  },
);

describe("a converted folder", () => {
  const converted = join(folder, "dolly-tiny-int4");
  const copied = () => {
    const copy = mkdtempSync(join(folder, "copy-"));
    cpSync(converted, copy, { recursive: true });
    return copy;
  };

  beforeAll(async () => {
    await convertToFolder(converted, { source: embeddedModel, type: "int4", block: 64, provider: "cpu" });
  });

  test("is served under its own name, with its own precision, without another conversion", async () => {
    expect(await inspect({ model: converted })).toMatchObject({
      name: "dolly-tiny-int4",
      precision: "int4-b64",
    });
    const { model, tasks } = await load({ model: converted });
    expect([...tasks].filter((task) => task.startsWith("converting"))).toEqual([]);
    const [first] = embeddedAnswers;
    expect(await answerOf(model, first?.prompt_ids ?? [])).toEqual(first?.greedy_ids);
  });

  test("is replaced by another conversion; a folder with something else is not", async () => {
    const copy = copied();
    await convertToFolder(copy, { source: embeddedModel, type: "q8", block: 32, provider: "cpu" });
    expect(await inspect({ model: copy })).toMatchObject({ precision: "q8-b32" });
    const other = mkdtempSync(join(folder, "other-"));
    writeFileSync(join(other, "thesis.tex"), "");
    const refused = convertToFolder(other, { source: embeddedModel, type: "q8", block: 32, provider: "cpu" });
    await expect(refused).rejects.toThrow(`${other}: is a folder with something else in it`);
    expect(readFileSync(join(other, "thesis.tex"), "utf8")).toBe("");
  });

  test("of which another type is wanted is refused", async () => {
    await expect(inspect({ model: converted, type: "q8" })).rejects.toThrow(/is int4-b64, and another type/);
  });

  test.each([
    [
      "without its constants",
      (copy: string) => rmSync(join(copy, "model.onnx.data")),
      "model.onnx.data: no such file",
    ],
    [
      "cut",
      (copy: string) => truncateSync(join(copy, "model.onnx.data"), 5000),
      "model.onnx.data: is not the file",
    ],
    [
      "whose graph is cut",
      (copy: string) => truncateSync(join(copy, "model.onnx"), 5000),
      "model.onnx: is not the",
    ],
    [
      "whose manifest is rubbish",
      (copy: string) => writeFileSync(join(copy, "dolly-onnx.json"), "{"),
      "dolly-onnx.json",
    ],
    [
      "of another release",
      (copy: string) => {
        const path = join(copy, "dolly-onnx.json");
        writeFileSync(path, readFileSync(path, "utf8").replace('"converter": 1', '"converter": 99'));
      },
      "dolly-onnx.json: converter: was converted by another release",
    ],
  ])("%s is refused by the file's name", async (_what, damage, words) => {
    const copy = copied();
    damage(copy);
    const refused = load({ model: copy });
    await expect(refused).rejects.toThrow(OperatorError);
    await expect(refused).rejects.toThrow(words);
  });
});

test("a failed conversion leaves nothing behind", async () => {
  const source = join(folder, "broken");
  mkdirSync(source);
  for (const name of ["config.json", "tokenizer.json"]) {
    copyFileSync(join(embeddedModel, name), join(source, name));
  }
  const output = join(folder, "never");
  await expect(convertToFolder(output, { source, type: "f16", block: 32, provider: "cpu" })).rejects.toThrow(
    source,
  );
  expect(() => readFileSync(output)).toThrow("ENOENT");
});

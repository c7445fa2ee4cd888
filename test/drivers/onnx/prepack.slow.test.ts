import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeSyntheticCheckpoint } from "../../../bench/synthetic-model.ts";
import { MODEL_FILE } from "../../../drivers/onnx/manifest.ts";
import { prepacked } from "../../../drivers/onnx/prepack.ts";
import type { Log } from "../../../src/core/log.ts";
import { embeddedModel } from "../../golden-data.ts";
import { loadContext, removeCache } from "./driver-fixture.ts";
import { convertedCheckpoint, fixturePath, loadEngine, removeFixtures } from "./onnx-fixture.ts";

afterAll(() => {
  removeFixtures();
  removeCache();
});

const { signal } = new AbortController();

/** Matrices of over a megabyte, which ONNX Runtime aligns when it saves them. */
const SHAPE = {
  hidden_size: 1536,
  intermediate_size: 6144,
  num_attention_heads: 12,
  num_hidden_layers: 1,
  vocab_size: 6144,
  max_position_embeddings: 64,
};
const narrow = embeddedModel;
const wide = fixturePath("wide");
beforeAll(() => writeSyntheticCheckpoint(wide, SHAPE, { seed: 1, tokenizerFolder: embeddedModel }));

/** Logits after a prompt. */
async function logits(folder: string): Promise<Float32Array> {
  const engine = await loadEngine(folder, wide, { contextLength: 64 });
  try {
    const tokens = [5, 6, 7, 8, 9];
    return (await engine.step([{ slot: 0, position: 0, tokens, logits: "last" }])).row(0).slice();
  } finally {
    engine.close();
  }
}

test.each([
  ["f16", 128],
  ["int8", 128],
  ["q8", 32],
  ["int4", 128],
] as const)("a copy of %s in blocks of %d computes the very same, and is made once", async (type, block) => {
  const folder = await convertedCheckpoint(wide, "wide", { type, block });
  const tasks: string[] = [];
  const context = loadContext({ onProgress: ({ task }) => tasks.push(task) });
  const prepack = { model: join(folder, MODEL_FILE), bytes: 1, fingerprint: type };
  const copy = await prepacked(prepack, context, signal, 0);
  expect(copy).not.toBe(prepack.model);
  const expected = await logits(folder);
  expect(expected.every(Number.isFinite)).toBe(true);
  expect(await logits(dirname(copy))).toEqual(expected);
  expect(tasks).toEqual(["arranging tested for this processor"]);
  expect(await prepacked(prepack, context, signal, 0)).toBe(copy);
  expect(tasks).toHaveLength(1);
});

test("a small model is left as it is", async () => {
  const model = join(await convertedCheckpoint(narrow, "small"), MODEL_FILE);
  expect(await prepacked({ model, bytes: 1e6, fingerprint: "small" }, loadContext(), signal)).toBe(model);
});

test.each([
  ["the model cannot be read", fixturePath("none.onnx"), 1, /none\.onnx/],
  ["the disk is too small", fixturePath("none.onnx"), 1e18, /bytes free on its disk/],
  [
    "ONNX Runtime misplaces a matrix",
    fixturePath("narrow-q8-32-cpu/model.onnx"),
    1,
    /no multiple of 64 bytes/,
  ],
])("where %s, it is loaded from where it is, and the log says why", async (_, model, bytes, reason) => {
  await convertedCheckpoint(narrow, "narrow", { type: "q8", block: 32 });
  const reasons: unknown[] = [];
  const { log } = loadContext();
  const warned: Log = { ...log, warn: (fields) => reasons.push(fields) };
  expect(
    await prepacked({ model, bytes, fingerprint: "wrong" }, loadContext({ log: warned }), signal, 0),
  ).toBe(model);
  expect(reasons).toEqual([{ err: expect.objectContaining({ message: expect.stringMatching(reason) }) }]);
});

test("an interrupted copy leaves nothing behind", async () => {
  const model = join(
    await convertedCheckpoint(wide, "interrupted", { type: "int8", block: 128 }),
    MODEL_FILE,
  );
  const interrupted = new AbortController();
  const cacheDir = fixturePath("interrupted-cache");
  const onProgress = () => interrupted.abort(new Error("stopped"));
  const context = loadContext({ cacheDir, onProgress });
  const making = prepacked({ model, bytes: 1, fingerprint: "interrupted" }, context, interrupted.signal, 0);
  await expect(making).rejects.toThrow("stopped");
  const made = readdirSync(cacheDir);
  expect(made).toHaveLength(1);
  expect(made.flatMap((entry) => readdirSync(join(cacheDir, entry)))).toEqual([]);
});

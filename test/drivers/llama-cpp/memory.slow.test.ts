import { afterAll, expect, test } from "vitest";
import { neededBytes } from "../../../drivers/llama-cpp/memory.ts";
import { requireMemory } from "../../../drivers/local/require-memory.ts";
import { NEUTRAL, ORDINARY } from "../../../src/core/generation.ts";
import { embeddedModel } from "../../golden-data.ts";
import { loadModel, removeCache } from "./driver-fixture.ts";
import { convertedCheckpoint, loadEngine, removeFixtures } from "./gguf-fixture.ts";

afterAll(() => {
  removeCache();
  removeFixtures();
});

/** The embedded model at f16. */
const tiny = { weightBytes: 23.3e6, layers: 6, hiddenSize: 320, heads: 4, vocabularySize: 6144 };

test("a model takes about what was foreseen once its slots are full", async () => {
  const slots = 16;
  const { model } = await loadModel({ model: embeddedModel, type: "f16", parallel: slots });
  try {
    const signal = new AbortController().signal;
    const prompt = Array.from({ length: model.contextLength - 8 }, (_, at) => 500 + (at % 3000));
    const request = {
      prompt,
      choices: slots,
      maxTokens: 2,
      sampling: { ...NEUTRAL, logitBias: [], seed: 1 },
      stopTokens: [],
      stopStrings: [],
      logprobs: null,
      promptLogprobs: null,
      ...ORDINARY,
    };
    for await (const _ of model.generate(request, signal));
    const { contextLength } = model;
    const needed = neededBytes({ ...tiny, slots, contextLength, kvType: "f16" });
    const taken = model.status().memoryBytes ?? 0;
    expect(needed / taken).toBeGreaterThan(0.75);
    expect(needed / taken).toBeLessThan(1.5);
  } finally {
    await model.close();
  }
});

test("a model that will not fit is refused with both figures and what to change", () => {
  expect(() => requireMemory(6e9, 4e9)).toThrow(
    /needs about 6\.0 GB of memory and 4\.0 GB are available; lower parallel or max_model_len/,
  );
  expect(() => requireMemory(4e9, 4e9)).not.toThrow();
});

test("layers on a GPU take no main memory", () => {
  const parts = { ...tiny, weightBytes: 24e9, slots: 4, contextLength: 2048, kvType: "f16" as const };
  const all = neededBytes(parts);
  expect(all - neededBytes(parts, 3)).toBeGreaterThan(12e9);
  expect(neededBytes(parts, 0)).toBeLessThan(1e9);
});

test.runIf(["linux", "win32"].includes(process.platform))("the engine looks before it loads", async () => {
  const gguf = await convertedCheckpoint(embeddedModel, "tiny", "f16");
  const memory = { ...tiny, slots: 4, contextLength: 512, kvType: "f32" as const };
  await expect(loadEngine(gguf, { memory: { ...memory, weightBytes: 1e15 } })).rejects.toThrow(
    "needs about 1000000.",
  );
  (await loadEngine(gguf, { memory })).close();
});

import { afterAll, expect, test } from "vitest";
import { readCheckpointHeader } from "../../../drivers/local/checkpoint/index.ts";
import { precisionOf } from "../../../drivers/onnx/graph/precision.ts";
import { matrixBytes } from "../../../drivers/onnx/matrix-bytes.ts";
import { neededBytes } from "../../../drivers/onnx/memory.ts";
import type { Model } from "../../../src/core/driver.ts";
import { embeddedModel } from "../../golden-data.ts";
import { answerOf } from "../local/embedded-answers.ts";
import { loadModel, removeCache } from "./driver-fixture.ts";
import { convertedCheckpoint, loadEngine, removeFixtures } from "./onnx-fixture.ts";

afterAll(() => {
  removeCache();
  removeFixtures();
});

/** The engine's memory, which it reads once a second while it computes. */
async function memoryOf(model: Model): Promise<number> {
  const before = model.status().memoryBytes;
  for (let asked = 0; asked < 1000 && model.status().memoryBytes === before; asked += 1) {
    await answerOf(model, [1], { maxTokens: 4, stopTokens: [] });
  }
  return model.status().memoryBytes ?? 0;
}

test.each(["f16", "int4"] as const)(
  "a %s model takes about what was foreseen once its slots are full",
  async (type) => {
    const slots = 16;
    const { config } = await readCheckpointHeader(embeddedModel);
    const { model } = await loadModel({ model: embeddedModel, type, parallel: slots });
    try {
      const prompt = Array.from({ length: model.contextLength - 8 }, (_, at) => 500 + (at % 3000));
      await answerOf(model, prompt, { choices: slots, maxTokens: 2, stopTokens: [] });
      const needed = neededBytes({
        ...config,
        matrixBytes: matrixBytes(config, precisionOf(type, 128)),
        widenedBytes: 0,
        slots,
        batchTokens: 512 + slots,
        compute: "f32",
      });
      const taken = await memoryOf(model);
      expect(needed / taken).toBeGreaterThan(0.75);
      expect(needed / taken).toBeLessThan(1.5);
    } finally {
      await model.close();
    }
  },
);

test.runIf(["linux", "win32"].includes(process.platform))("the engine looks before it loads", async () => {
  const folder = await convertedCheckpoint(embeddedModel, "tiny");
  const { config } = await readCheckpointHeader(embeddedModel);
  const parts = { ...config, widenedBytes: 0, slots: 4, batchTokens: 512, compute: "f32" } as const;
  const memory = { ...parts, matrixBytes: 1e15 };
  await expect(loadEngine(folder, embeddedModel, { memory })).rejects.toThrow("needs about 1000000.");
});

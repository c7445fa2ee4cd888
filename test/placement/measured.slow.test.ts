import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeSyntheticCheckpoint } from "../../bench/synthetic-model.ts";
import { llamaCpp } from "../../drivers/llama-cpp/index.ts";
import { onnx } from "../../drivers/onnx/index.ts";
import { type ModelNeed, neededBytes } from "../../src/core/need.ts";
import { driverFixture } from "../drivers/local/driver-fixture.ts";
import { answerOf } from "../drivers/local/embedded-answers.ts";
import { embeddedModel, tokenizerFolder } from "../golden-data.ts";

const scratch = mkdtempSync(join(tmpdir(), "dolly-measured-"));
/** Of some 100 million weights: with the whole vocabulary, and heads of 80. */
const synthetic = join(scratch, "synthetic");
const SHAPE = {
  hidden_size: 640,
  intermediate_size: 2560,
  num_attention_heads: 8,
  num_hidden_layers: 8,
  vocab_size: 50280,
  max_position_embeddings: 2048,
};

const drivers = { "llama-cpp": llamaCpp, onnx };
const fixtures = { "llama-cpp": driverFixture(llamaCpp), onnx: driverFixture(onnx) };
beforeAll(async () => {
  await writeSyntheticCheckpoint(synthetic, SHAPE, { seed: 5, tokenizerFolder: tokenizerFolder("dolly-v2") });
});
afterAll(() => {
  for (const { removeCache } of Object.values(fixtures)) removeCache();
  rmSync(scratch, { recursive: true, force: true });
});

/** Resident bytes of the one engine that this process has. */
function residentBytes(): number {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8")
    .trim()
    .split(" ");
  const sizes = children.map((pid) => {
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
    } catch {
      return 0;
    }
  });
  return Math.max(...sizes);
}

const resident = (need: ModelNeed): number => neededBytes(need) + need.fileCopy;

describe.runIf(process.platform === "linux")(
  "what is planned is within a tenth of what an engine takes",
  () => {
    test.each([
      ["llama-cpp", embeddedModel, "f16", 512, 4],
      ["llama-cpp", embeddedModel, "f32", 512, 16],
      ["llama-cpp", embeddedModel, "q8_0", 1024, 8],
      ["onnx", embeddedModel, "f16", 512, 4],
      ["onnx", embeddedModel, "int4", 1024, 8],
      ["llama-cpp", "synthetic", "q4_0", 512, 2],
      ["llama-cpp", "synthetic", "q4_0", 2048, 4],
      ["llama-cpp", "synthetic", "f16", 1024, 4],
      ["onnx", "synthetic", "int4", 512, 2],
      ["onnx", "synthetic", "int4", 2048, 4],
      ["onnx", "synthetic", "f32", 1024, 4],
    ] as const)("%s, %s, %s, context %i, %i slots", async (driver, source, type, contextLength, slots) => {
      const folder = source === "synthetic" ? synthetic : source;
      const options = { model: folder, type, parallel: slots };
      const planned = drivers[driver].plan(options);
      const found = await planned.model();
      if (found === undefined) throw new Error("there is a model");
      const need = planned.need(
        { ...found, shape: { ...found.shape, contextLength } },
        { gpus: [], providers: [] },
      );
      if (typeof need !== "object") throw new Error(`there is a need: ${need}`);
      const { model } = await fixtures[driver].loadModel(options, { maxModelLen: contextLength });
      try {
        const prompt = Array.from({ length: contextLength - 8 }, (_, at) => 500 + (at % 3000));
        await answerOf(model, prompt, { choices: slots, maxTokens: 2, stopTokens: [] });
        const ratio = resident(need) / residentBytes();
        expect(ratio).toBeGreaterThan(0.9);
        expect(ratio).toBeLessThan(1.1);
      } finally {
        await model.close();
      }
    });
  },
);

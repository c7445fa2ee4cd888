import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Engine, type SlotInput, StepInterrupted } from "../../../drivers/local/engine.ts";
import { embeddedModel } from "../../golden-data.ts";
import { convertedCheckpoint, fixturePath, loadEngine, removeFixtures } from "./gguf-fixture.ts";

/** Most that a logit may differ when the same tokens were computed in other batches. */
const SAME = 0.02;

let model = "";
let engine: Engine;

beforeAll(async () => {
  model = await convertedCheckpoint(embeddedModel, "tiny");
  engine = await loadEngine(model);
});
afterEach(() => {
  for (let slot = 0; slot < engine.info.slots; slot += 1) engine.truncate(slot, 0);
});
afterAll(() => {
  engine.close();
  removeFixtures();
});

const prompt = Array.from({ length: 60 }, (_, index) => 300 + ((index * 97) % 1000));

/** Logits of the last token after `tokens` at `position`. */
async function last(slot: number, position: number, tokens: readonly number[]): Promise<Float32Array> {
  const output = await engine.step([{ slot, position, tokens, logits: "last" }]);
  return output.row(0).slice();
}

const distance = (left: Float32Array, right: Float32Array): number =>
  left.reduce((most, logit, token) => Math.max(most, Math.abs(logit - (right[token] ?? Number.NaN))), 0);

test("says what it is", () => {
  expect(engine.info).toMatchObject({ vocabularySize: 6144, contextLength: 512, slots: 4, batchTokens: 512 });
  expect(engine.info.device).toMatch(/^CPU: \S/);
});

test("rows come in the order of the inputs, only those asked for", async () => {
  const alone = await last(0, 0, prompt);
  const other = await last(1, 0, prompt.slice(0, 7));
  engine.truncate(0, 0);
  engine.truncate(1, 0);
  const output = await engine.step([
    { slot: 3, position: 0, tokens: prompt.slice(0, 9), logits: "none" },
    { slot: 1, position: 0, tokens: prompt.slice(0, 7), logits: "every" },
    { slot: 0, position: 0, tokens: prompt, logits: "last" },
  ]);
  expect(output.rows).toBe(8);
  expect(distance(output.row(6), other)).toBeLessThan(SAME);
  expect(distance(output.row(7), alone)).toBeLessThan(SAME);
  expect(() => output.row(8)).toThrow("There is no row 8 among 8.");
});

test("other tokens give other logits: what the next tests compare is no constant", async () => {
  const whole = await last(0, 0, prompt);
  for (const place of [0, 29, 39, 58]) {
    const changed = prompt.map((token, index) => (index === place ? token + 1 : token));
    expect(distance(await last(1, 0, changed), whole)).toBeGreaterThan(3 * SAME);
  }
});

test("a step may ask for no row at all", async () => {
  const output = await engine.step([{ slot: 0, position: 0, tokens: prompt, logits: "none" }]);
  expect(output.rows).toBe(0);
});

describe("the KV cache", () => {
  test("a prompt in chunks is the prompt", async () => {
    const whole = await last(0, 0, prompt);
    await engine.step([{ slot: 1, position: 0, tokens: prompt.slice(0, 23), logits: "none" }]);
    await engine.step([{ slot: 1, position: 23, tokens: prompt.slice(23, 24), logits: "none" }]);
    expect(distance(await last(1, 24, prompt.slice(24)), whole)).toBeLessThan(SAME);
  });

  test("a copied beginning goes on by itself, and so does its source", async () => {
    const whole = await last(0, 0, prompt);
    await last(1, 0, prompt.slice(20));
    engine.copy(0, 1, 40);
    engine.truncate(0, 30);
    expect(distance(await last(1, 40, prompt.slice(40)), whole)).toBeLessThan(SAME);
    expect(distance(await last(0, 30, prompt.slice(30)), whole)).toBeLessThan(SAME);
  });

  test("a copy of a copy, before any step", async () => {
    const whole = await last(0, 0, prompt);
    engine.copy(0, 1, 50);
    engine.copy(1, 2, 40);
    engine.copy(2, 0, 0);
    expect(distance(await last(2, 40, prompt.slice(40)), whole)).toBeLessThan(SAME);
    expect(distance(await last(0, 0, prompt), whole)).toBeLessThan(SAME);
  });

  test("what was cut off is forgotten", async () => {
    const fresh = await last(0, 0, [...prompt.slice(0, 10), 5, 6]);
    await last(1, 0, prompt);
    engine.truncate(1, 10);
    expect(distance(await last(1, 10, [5, 6]), fresh)).toBeLessThan(SAME);
    // A step that goes on at an earlier position cuts by itself.
    await last(2, 0, prompt);
    expect(distance(await last(2, 10, [5, 6]), fresh)).toBeLessThan(SAME);
  });

  test("a slot can be filled to its last position, with all others full too", async () => {
    const tokens = Array.from({ length: 512 }, (_, index) => prompt[index % prompt.length] ?? 0);
    for (const slot of [0, 1, 2, 3]) {
      await engine.step([{ slot, position: 0, tokens: tokens.slice(0, 511), logits: "none" }]);
    }
    const step = [0, 1, 2, 3].map(
      (slot): SlotInput => ({ slot, position: 511, tokens: [9], logits: "last" }),
    );
    const output = await engine.step(step);
    expect(distance(output.row(0), output.row(3))).toBeLessThan(SAME);
    await expect(last(0, 512, [9])).rejects.toThrow("Slot 0 would hold 513 tokens; its context is 512.");
  });
});

test("an interrupted step leaves every slot as it was", async () => {
  const whole = await last(0, 0, prompt);
  engine.truncate(0, 30);
  const long = Array.from({ length: 400 }, (_, index) => prompt[index % prompt.length] ?? 0);
  const step = engine.step([
    { slot: 0, position: 30, tokens: [1], logits: "last" },
    { slot: 1, position: 0, tokens: long, logits: "every" },
  ]);
  engine.interrupt();
  await expect(step).rejects.toThrow(StepInterrupted);
  expect(distance(await last(0, 30, prompt.slice(30)), whole)).toBeLessThan(SAME);
  expect(distance(await last(1, 0, prompt), whole)).toBeLessThan(SAME);
});

test("an interrupt between steps does no harm", async () => {
  engine.interrupt();
  expect((await last(0, 0, prompt)).length).toBe(6144);
});

test("the event loop is free while a step runs", async () => {
  const order: string[] = [];
  const step = last(0, 0, [...prompt, ...prompt, ...prompt, ...prompt]).then(() => order.push("step"));
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      order.push("event loop");
      resolve();
    });
  });
  await step;
  expect(order).toEqual(["event loop", "step"]);
});

describe("bad input is refused, and nothing has changed", () => {
  const good: SlotInput = { slot: 0, position: 0, tokens: [1, 2], logits: "last" };

  test.each<[string, readonly SlotInput[]]>([
    ["There is no slot 4", [good, { ...good, slot: 4 }]],
    ["There is no slot -1", [{ ...good, slot: -1 }]],
    ["Slot 0 is in the step twice", [good, good]],
    ["Slot 0 holds 0 tokens and cannot go on at position 3", [{ ...good, position: 3 }]],
    ["cannot go on at position -1", [{ ...good, position: -1 }]],
    ["Slot 0 has no tokens", [{ ...good, tokens: [] }]],
    ["Token id 6144 is outside the vocabulary of 6144", [good, { ...good, slot: 1, tokens: [1, 6144] }]],
    ["Token id -1", [{ ...good, tokens: [-1] }]],
    ["Token id 1.5", [{ ...good, tokens: [1.5] }]],
    ["The step has no tokens", []],
    [
      "The step has 514 tokens; the most is 512",
      [good, { ...good, slot: 1, tokens: Array.from({ length: 512 }, () => 7) }],
    ],
  ])("%s", async (message, inputs) => {
    await expect(engine.step(inputs)).rejects.toThrow(message);
    await expect(engine.step([good])).resolves.toMatchObject({ rows: 1 });
  });

  test("copies and cuts of what is not there", async () => {
    await last(0, 0, [1, 2, 3]);
    expect(() => engine.copy(0, 1, 4)).toThrow(
      "Slot 0 holds 3 tokens; the first 4 cannot be kept or copied.",
    );
    expect(() => engine.copy(0, 0, 2)).toThrow("cannot be copied to itself");
    expect(() => engine.copy(0, 9, 2)).toThrow("There is no slot 9");
    expect(() => engine.truncate(0, 4)).toThrow(
      "Slot 0 holds 3 tokens; the first 4 cannot be kept or copied.",
    );
    expect(() => engine.truncate(-1, 0)).toThrow("There is no slot -1");
  });
});

describe("loading", () => {
  test("a file that is not there or no GGUF: its path and llama.cpp's reason", async () => {
    await expect(loadEngine(fixturePath("missing.gguf"))).rejects.toThrow(/missing\.gguf.*No such file/);
    const garbage = fixturePath("garbage.gguf");
    writeFileSync(garbage, "this is no model, and long enough to be read as one");
    await expect(loadEngine(garbage)).rejects.toThrow(/garbage\.gguf.*invalid magic/);
  });

  test.each([0.001, 0.5, 0.999])("a file cut at %f of its length", async (share) => {
    const bytes = readFileSync(model);
    const cut = fixturePath(`cut-${share}.gguf`);
    writeFileSync(cut, bytes.subarray(0, Math.floor(bytes.length * share)));
    await expect(loadEngine(cut)).rejects.toThrow(/llama\.cpp cannot load .*cut-.*gguf: \S/);
  });

  test("metadata that a file lacks is told at load", async () => {
    const bytes = readFileSync(model);
    const at = bytes.indexOf("gptneox.context_length");
    expect(at).toBeGreaterThan(0);
    bytes.write("gptneox.context_lengtX", at);
    const old = fixturePath("old.gguf");
    writeFileSync(old, bytes);
    await expect(loadEngine(old)).rejects.toThrow("key not found in model: gptneox.context_length");
    const mended = await loadEngine(old, {
      metadata: { "gptneox.context_length": 512, "tokenizer.ggml.pre": "olmo" },
    });
    expect(mended.info.vocabularySize).toBe(6144);
    mended.close();
    mended.close();
  });

  test("progress runs to the end", async () => {
    const { default: engineModule } = await import("../../../drivers/llama-cpp/engine.ts");
    const seen: number[] = [];
    const loaded = await engineModule.load(
      {
        modelPath: model,
        contextLength: 64,
        slots: 1,
        batchTokens: 64,
        threads: 1,
        gpu: "none",
        places: { libraries: undefined, cacheDir: "" },
        gpuLayers: null,
        mainGpu: null,
        tensorSplit: [],
        devices: [],
        kvType: "f16",
        flashAttention: "off",
        mmap: false,
        metadata: {},
        memory: null,
      },
      (fraction) => seen.push(fraction),
    );
    loaded.close();
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  test.each([
    [{ gpuLayers: 2 }, "gpu_layers is set, and there is no GPU to use"],
    [{ mainGpu: 0 }, "main_gpu is set"],
    [{ tensorSplit: [1, 1] }, "tensor_split is set"],
    [{ devices: ["CUDA0"] }, "devices is set"],
  ])("GPU options without a GPU: %j", async (options, message) => {
    await expect(loadEngine(model, options)).rejects.toThrow(message);
  });
});

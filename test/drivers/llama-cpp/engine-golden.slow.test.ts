import { afterAll, describe, expect, test } from "vitest";
import { answerTogether } from "../../contract/golden-engine.ts";
import { goldenCheckpoints } from "../../golden-data.ts";
import { convertedCheckpoint, loadEngine, removeFixtures } from "./gguf-fixture.ts";

/** llama.cpp computes GELU by its tanh approximation where the model has the exact one: closer it cannot be. */
const tolerance = 2e-2;

afterAll(removeFixtures);

describe.each(goldenCheckpoints("neox-"))("$name", ({ name, folder, context, cases }) => {
  const options = { contextLength: context, batchTokens: context };

  // Fused attention adds up values in 16 bits on the CPU, which unlikely tokens show.
  test.each([
    ["on", 1],
    ["off", 5],
  ] as const)("all cases at once, flash attention %s", async (flashAttention, alternatives) => {
    const path = await convertedCheckpoint(folder, name);
    const engine = await loadEngine(path, { ...options, flashAttention, slots: cases.length });
    try {
      const answers = await answerTogether(engine, cases, { tolerance, alternatives });
      expect(answers).toEqual(cases.map(({ greedy }) => greedy));
    } finally {
      engine.close();
    }
  });

  test("one case after the other in one slot", async () => {
    const path = await convertedCheckpoint(folder, name);
    const engine = await loadEngine(path, { ...options, flashAttention: "off", slots: 1 });
    try {
      for (const golden of cases) {
        expect(await answerTogether(engine, [golden], { tolerance, alternatives: 5 })).toEqual([
          golden.greedy,
        ]);
        engine.truncate(0, 0);
      }
    } finally {
      engine.close();
    }
  });
});

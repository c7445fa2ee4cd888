import { afterAll, describe, expect, test } from "vitest";
import { answerTogether } from "../../contract/golden-engine.ts";
import { goldenCheckpoints } from "../../golden-data.ts";
import { convertedCheckpoint, loadEngine, removeFixtures } from "./onnx-fixture.ts";

const closeness = { tolerance: 1e-3, alternatives: 5 };

afterAll(removeFixtures);

describe.each(goldenCheckpoints())("$name", ({ name, folder, context, cases }) => {
  const options = { contextLength: context, batchTokens: context };

  test("all cases at once", async () => {
    const converted = await convertedCheckpoint(folder, name);
    const engine = await loadEngine(converted, folder, { ...options, slots: cases.length });
    try {
      const answers = await answerTogether(engine, cases, closeness);
      expect(answers).toEqual(cases.map(({ greedy }) => greedy));
    } finally {
      engine.close();
    }
  });

  test("one case after the other in one slot", async () => {
    const converted = await convertedCheckpoint(folder, name);
    const engine = await loadEngine(converted, folder, { ...options, slots: 1 });
    try {
      for (const golden of cases) {
        expect(await answerTogether(engine, [golden], closeness)).toEqual([golden.greedy]);
        engine.truncate(0, 0);
      }
    } finally {
      engine.close();
    }
  });
});

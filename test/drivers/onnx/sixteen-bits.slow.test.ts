import { afterAll, describe, expect, test } from "vitest";
import type { Engine } from "../../../drivers/local/engine.ts";
import type { OnnxType, Provider } from "../../../drivers/onnx/graph/precision.ts";
import { answerTogether } from "../../contract/golden-engine.ts";
import { embeddedModel, goldenCheckpoints } from "../../golden-data.ts";
import { convertedCheckpoint, loadEngine, removeFixtures } from "./onnx-fixture.ts";

afterAll(removeFixtures);

// A CPU has kernels for the graphs that CUDA computes in float16, too.
describe.each(goldenCheckpoints())(
  "$name, converted for CUDA, on a CPU",
  ({ name, folder, context, cases }) => {
    test("f16 gives transformers' tokens, log-probabilities within 0.04", async () => {
      const converted = await convertedCheckpoint(folder, name, { type: "f16", provider: "cuda" });
      const engine = await loadEngine(converted, folder, {
        contextLength: context,
        batchTokens: context,
        slots: cases.length,
        compute: "f16",
      });
      try {
        const answers = await answerTogether(engine, cases, { tolerance: 0.04, alternatives: 5 });
        expect(answers).toEqual(cases.map(({ greedy }) => greedy));
      } finally {
        engine.close();
      }
    });
  },
);

const gptj = goldenCheckpoints().filter(({ name }) => name === "gptj-hd256");

// The second has 1,056 tokens, which are filled up to a multiple of 64.
describe.each([{ name: "embedded", folder: embeddedModel }, ...gptj])(
  "$name in blocks",
  ({ name, folder }) => {
    const prompt = Array.from({ length: 60 }, (_, at) => 300 + ((at * 131) % 700));

    /** Log-probabilities after each token of the prompt, once in one piece, then of its end after a copy to another slot. */
    async function rowsOf(type: OnnxType, provider: Provider): Promise<Float32Array[]> {
      const converted = await convertedCheckpoint(folder, name, { type, provider });
      const engine = await loadEngine(converted, folder, { compute: provider === "cuda" ? "f16" : "f32" });
      try {
        const whole = await rows(engine, { slot: 1, position: 0, tokens: prompt });
        engine.copy(1, 3, 30);
        return [...whole, ...(await rows(engine, { slot: 3, position: 30, tokens: prompt.slice(30) }))];
      } finally {
        engine.close();
      }
    }

    test.each(["q8", "int4"] as const)("%s in float16 says what it says in float32", async (type) => {
      const [narrow, wide] = [await rowsOf(type, "cuda"), await rowsOf(type, "cpu")];
      expect(narrow).toHaveLength(90);
      let sum = 0;
      let all = 0;
      for (const [at, row] of narrow.entries()) {
        const other = wide[at] ?? new Float32Array();
        expect(row).toHaveLength(other.length);
        for (const [token, value] of row.entries()) {
          sum += Math.abs(value - (other[token] ?? Number.NaN));
          all += 1;
        }
      }
      // On average; a graph that is wrong is off by more than 1.
      expect(sum / all).toBeLessThan(0.1);
    });
  },
);

async function rows(engine: Engine, input: { slot: number; position: number; tokens: number[] }) {
  const output = await engine.step([{ ...input, logits: "every" }]);
  return Array.from({ length: output.rows }, (_, row) => logSoftmax(output.row(row)));
}

function logSoftmax(row: Float32Array): Float32Array {
  const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const sum = row.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return row.map((logit) => logit - most - Math.log(sum));
}

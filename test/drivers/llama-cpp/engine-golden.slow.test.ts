import { afterAll, describe, expect, test } from "vitest";
import type { Engine, StepOutput } from "../../../drivers/local/engine.ts";
import { type GoldenCase, goldenCheckpoints } from "../../golden-data.ts";
import { convertedCheckpoint, loadEngine, removeFixtures } from "./gguf-fixture.ts";

/** llama.cpp computes GELU by its tanh approximation where the model has the exact one: closer it cannot be. */
const TOLERANCE = 2e-2;

afterAll(removeFixtures);

/** Log-probability of each token under a row of logits. */
function logSoftmax(row: Float32Array): (token: number) => number {
  const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const sum = row.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return (token) => (row[token] ?? Number.NaN) - most - Math.log(sum);
}

const argmax = (row: Float32Array): number =>
  row.reduce((best, logit, token) => (logit > (row[best] ?? 0) ? token : best), 0);

interface Answer {
  readonly slot: number;
  readonly golden: GoldenCase;
  readonly tokens: number[];
}

/**
 * Checks a row against the next golden token and takes the likeliest. `alternatives`: how many of the likeliest tokens
 * to compare.
 */
function take({ golden, tokens }: Answer, row: Float32Array, alternatives: number): void {
  const logprob = logSoftmax(row);
  const expected = golden.greedy_top5[tokens.length] ?? [];
  for (const [token, value] of expected.slice(0, alternatives)) {
    expect(Math.abs(logprob(token) - value)).toBeLessThan(TOLERANCE);
  }
  tokens.push(argmax(row));
}

function checkPrompt({ prompt, prompt_logprobs }: GoldenCase, output: StepOutput): void {
  expect(output.rows).toBe(prompt.length);
  for (const [index, token] of prompt.entries()) {
    if (index === 0) continue;
    const expected = prompt_logprobs[index] ?? Number.NaN;
    expect(Math.abs(logSoftmax(output.row(index - 1))(token) - expected)).toBeLessThan(TOLERANCE);
  }
}

/** Scores each prompt, then lets all answers grow together, one token of each in every step. */
async function answerTogether(
  engine: Engine,
  cases: readonly GoldenCase[],
  alternatives: number,
): Promise<number[][]> {
  const answers: Answer[] = cases.map((golden, slot) => ({ slot, golden, tokens: [] }));
  for (const answer of answers) {
    const { prompt } = answer.golden;
    const output = await engine.step([{ slot: answer.slot, position: 0, tokens: prompt, logits: "every" }]);
    checkPrompt(answer.golden, output);
    if (answer.golden.greedy.length > 0) take(answer, output.row(prompt.length - 1), alternatives);
  }
  for (;;) {
    const growing = answers.filter(({ tokens, golden }) => tokens.length < golden.greedy.length);
    if (growing.length === 0) return answers.map(({ tokens }) => tokens);
    const output = await engine.step(
      growing.map(({ slot, golden, tokens }) => ({
        slot,
        position: golden.prompt.length + tokens.length - 1,
        tokens: tokens.slice(-1),
        logits: "last",
      })),
    );
    for (const [row, answer] of growing.entries()) take(answer, output.row(row), alternatives);
  }
}

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
      const answers = await answerTogether(engine, cases, alternatives);
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
        expect(await answerTogether(engine, [golden], 5)).toEqual([golden.greedy]);
        engine.truncate(0, 0);
      }
    } finally {
      engine.close();
    }
  });
});

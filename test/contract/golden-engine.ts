import { expect } from "vitest";
import type { Engine, StepOutput } from "../../drivers/local/engine.ts";
import type { GoldenCase } from "../golden-data.ts";

/** How close an engine has to come to transformers. */
export interface Closeness {
  /** Largest difference of a log-probability. */
  readonly tolerance: number;
  /** How many of the likeliest tokens to compare at each step. */
  readonly alternatives: number;
}

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

/** Checks a row against the next golden token and takes the likeliest. */
function take({ golden, tokens }: Answer, row: Float32Array, { tolerance, alternatives }: Closeness): void {
  const logprob = logSoftmax(row);
  const expected = golden.greedy_top5[tokens.length] ?? [];
  for (const [token, value] of expected.slice(0, alternatives)) {
    expect(Math.abs(logprob(token) - value)).toBeLessThan(tolerance);
  }
  tokens.push(argmax(row));
}

function checkPrompt({ prompt, prompt_logprobs }: GoldenCase, output: StepOutput, tolerance: number): void {
  expect(output.rows).toBe(prompt.length);
  for (const [index, token] of prompt.entries()) {
    if (index === 0) continue;
    const expected = prompt_logprobs[index] ?? Number.NaN;
    expect(Math.abs(logSoftmax(output.row(index - 1))(token) - expected)).toBeLessThan(tolerance);
  }
}

/** Scores each prompt, then lets all answers grow together, one token of each in every step; gives their tokens. */
export async function answerTogether(
  engine: Engine,
  cases: readonly GoldenCase[],
  closeness: Closeness,
): Promise<number[][]> {
  const answers: Answer[] = cases.map((golden, slot) => ({ slot, golden, tokens: [] }));
  for (const answer of answers) {
    const { prompt } = answer.golden;
    const output = await engine.step([{ slot: answer.slot, position: 0, tokens: prompt, logits: "every" }]);
    checkPrompt(answer.golden, output, closeness.tolerance);
    if (answer.golden.greedy.length > 0) take(answer, output.row(prompt.length - 1), closeness);
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
    for (const [row, answer] of growing.entries()) take(answer, output.row(row), closeness);
  }
}

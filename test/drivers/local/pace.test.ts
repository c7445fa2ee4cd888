import { describe, expect, test } from "vitest";
import { Pace } from "../../../drivers/local/pace.ts";

/** Runs steps of a machine that takes so long for what it is given. */
function run(pace: Pace, steps: number, decoding: number, ms: (promptTokens: number) => number): number[] {
  const gaps: number[] = [];
  for (let step = 0; step < steps; step += 1) {
    const promptTokens = pace.promptTokens(decoding, 1);
    pace.learn({ ms: ms(promptTokens), decoding, prompts: 1, promptTokens });
    gaps.push(ms(promptTokens));
  }
  return gaps;
}

const decodeOnly = (pace: Pace, ms: number) => {
  for (let step = 0; step < 20; step += 1) pace.learn({ ms, decoding: 8, prompts: 0, promptTokens: 0 });
};

describe("beside running answers", () => {
  test.each([
    ["a large model", 100, (tokens: number) => 100 + 12 + 3 * tokens, 200],
    ["one whose prompts cost much at once", 100, (tokens: number) => 150 + tokens, 200],
    ["a small model, whose gap nobody sees", 2, (tokens: number) => 2 + 0.3 * tokens, 150],
  ])("a step settles below twice the usual gap: %s", (_, usual, ms, limit) => {
    const pace = new Pace(512);
    decodeOnly(pace, usual);
    const gaps = run(pace, 30, 8, ms).slice(10);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(limit);
    expect(Math.max(...gaps)).toBeGreaterThan(0.75 * limit);
  });

  test("those that wait for their first token count as much as those that run", () => {
    const pace = new Pace(512);
    decodeOnly(pace, 100);
    run(pace, 20, 8, (tokens) => 100 + 3 * tokens);
    expect(pace.promptTokens(2, 8)).toBe(4 * pace.promptTokens(2, 1));
  });

  test("prompts go on, however slow they are", () => {
    const pace = new Pace(512);
    decodeOnly(pace, 10);
    run(pace, 10, 8, () => 10_000);
    expect(pace.promptTokens(8, 1)).toBeGreaterThan(0);
  });

  test("the short rest of a prompt teaches nothing about the next one's chunk", () => {
    const pace = new Pace(512);
    decodeOnly(pace, 100);
    run(pace, 20, 8, (tokens) => 100 + tokens);
    const before = pace.promptTokens(8, 1);
    pace.learn({ ms: 102, decoding: 8, prompts: 1, promptTokens: 2 });
    expect(pace.promptTokens(8, 1)).toBe(before);
  });
});

describe("prompts alone", () => {
  test("fill the step where that is quick", () => {
    const pace = new Pace(512);
    run(pace, 5, 0, (tokens) => tokens);
    expect(pace.promptTokens(0, 1)).toBe(512);
  });

  test("take no more than two seconds where it is slow, so that arrivals are soon seen", () => {
    const pace = new Pace(512);
    const steps = run(pace, 5, 0, (tokens) => 100 * tokens).slice(1);
    expect(Math.max(...steps)).toBeLessThanOrEqual(2000);
    expect(Math.max(...steps)).toBeGreaterThan(1000);
  });
});

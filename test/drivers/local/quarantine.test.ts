import { expect, test } from "vitest";
import { Quarantine } from "../../../drivers/local/quarantine.ts";
import { type GenerationRequest, NEUTRAL, ORDINARY } from "../../../src/core/generation.ts";

const request = (prompt: number[], rest: Partial<GenerationRequest> = {}): GenerationRequest => ({
  ...ORDINARY,
  prompt,
  choices: 1,
  maxTokens: 5,
  sampling: { ...NEUTRAL, logitBias: [], seed: null },
  stopTokens: [],
  stopStrings: [],
  logprobs: null,
  promptLogprobs: null,
  ...rest,
});

function quarantine() {
  const clock = { now: 0 };
  return { clock, records: new Quarantine(() => clock.now) };
}

test("holds a request that two engines died of, whoever sends it, for ten minutes", () => {
  const { clock, records } = quarantine();
  records.strike([request([1]), request([2])]);
  expect(records.holds(request([1]))).toBe(false);
  records.strike([request([1])]);
  expect(records.holds(request([1]))).toBe(true);
  expect(records.holds(request([1], { tenant: "other", priority: 1, maxTimeMs: 9 }))).toBe(true);
  const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  expect(records.holds(request([1], { trace }))).toBe(true);
  expect(records.holds(request([2]))).toBe(false);
  expect(records.holds(request([1], { maxTokens: 6 }))).toBe(false);
  clock.now = 10 * 60_000;
  expect(records.holds(request([1]))).toBe(false);
});

test("one death counts once, however many sent the same request", () => {
  const { records } = quarantine();
  records.strike([request([1]), request([1])]);
  expect(records.holds(request([1]))).toBe(false);
});

test("an answer clears a request", () => {
  const { records } = quarantine();
  records.strike([request([1])]);
  records.clear(request([1]));
  records.strike([request([1])]);
  expect(records.holds(request([1]))).toBe(false);
});

test("remembers a thousand requests, the latest", () => {
  const { records } = quarantine();
  const many = Array.from({ length: 1001 }, (_, at) => request([at]));
  records.strike(many);
  records.strike([request([0]), request([1000])]);
  expect(records.holds(request([0]))).toBe(false);
  expect(records.holds(request([1000]))).toBe(true);
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BadLogits, RowKernel } from "../../../drivers/local/kernel/row-kernel.ts";
import { score } from "../../../drivers/local/logprobs.ts";
import { Random } from "../../../drivers/local/random.ts";
import { adjust, Sampler } from "../../../drivers/local/sampler.ts";
import { NEUTRAL, type Sampling } from "../../../src/core/generation.ts";
import { golden } from "../../golden-data.ts";

interface SamplingCase {
  logits: number[];
  parameters: {
    temperature: number;
    top_k: number;
    top_p: number;
    min_p: number;
    presence_penalty: number;
    frequency_penalty: number;
  };
  generated_token_counts: Record<string, number>;
  logit_bias: Record<string, number>;
  probabilities: Record<string, number>;
}

const neutral: Sampling = {
  ...NEUTRAL,
  logitBias: [],
  seed: null,
};

function candidates(logits: Float32Array, { temperature, topK, topP, minP }: Sampling) {
  const kernel = new RowKernel(logits.length);
  kernel.load(logits);
  return { kernel, ...kernel.candidates(temperature, topK, topP, minP) };
}

const { cases } = golden<{ cases: SamplingCase[] }>("sampling.json");
const numeric = (record: Record<string, number>) =>
  Object.entries(record).map(([id, value]) => [Number(id), value] as const);
const samplingOf = (item: SamplingCase): Sampling => ({
  temperature: item.parameters.temperature,
  topK: item.parameters.top_k,
  topP: item.parameters.top_p,
  minP: item.parameters.min_p,
  presencePenalty: item.parameters.presence_penalty,
  frequencyPenalty: item.parameters.frequency_penalty,
  logitBias: numeric(item.logit_bias),
  seed: null,
});

describe("transformers' distributions", () => {
  test.each(cases.map((item, index) => [index, item] as const))("case %i", (_, item) => {
    const sampling = samplingOf(item);
    const logits = Float32Array.from(item.logits);
    adjust(logits, sampling, new Map(numeric(item.generated_token_counts)));
    const { kernel, count, total } = candidates(logits, sampling);
    const distribution = Object.fromEntries(
      [...kernel.ids.subarray(0, count)].map((id) => [String(id), (kernel.weights[id] ?? 0) / total]),
    );
    expect(Object.keys(distribution)).toEqual(Object.keys(item.probabilities));
    for (const [id, probability] of Object.entries(item.probabilities)) {
      expect(distribution[id]).toBeCloseTo(probability, 6);
    }
  });

  test("are what tokens are drawn from", () => {
    for (const item of cases.slice(0, 8)) {
      const sampler = new Sampler(new RowKernel(item.logits.length));
      const random = new Random(7, 0);
      const counts = new Map(numeric(item.generated_token_counts));
      const drawn = new Map<number, number>();
      const draws = 4000;
      for (let draw = 0; draw < draws; draw += 1) {
        const id = sampler.sample(Float32Array.from(item.logits), samplingOf(item), counts, () =>
          random.next(),
        );
        drawn.set(id, (drawn.get(id) ?? 0) + 1);
      }
      for (const id of drawn.keys()) expect(item.probabilities).toHaveProperty(String(id));
      for (const [id, probability] of numeric(item.probabilities)) {
        const spread = 5 * Math.sqrt((probability * (1 - probability)) / draws) + 1 / draws;
        expect(Math.abs((drawn.get(id) ?? 0) / draws - probability)).toBeLessThan(spread);
      }
    }
  });
});

test("top_p keeps what a full sort keeps, also on flat and on very wide rows", () => {
  const row = fc.array(fc.float({ min: -60, max: 60, noNaN: true }), { minLength: 2, maxLength: 300 });
  fc.assert(
    fc.property(row, fc.double({ min: 0.01, max: 0.999, noNaN: true }), fc.nat(300), (values, topP, topK) => {
      const logits = Float32Array.from(values);
      const { kernel, count } = candidates(logits, { ...neutral, topP, topK });
      const order = [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || b - a);
      const kth = logits[order[Math.min(topK || logits.length, logits.length) - 1] ?? 0] ?? 0;
      const kept = order.filter((id) => (logits[id] ?? 0) >= kth);
      const best = logits[order[0] ?? 0] ?? 0;
      const weight = (id: number) => Math.exp((logits[id] ?? 0) - best);
      const total = kept.reduce((sum, id) => sum + weight(id), 0);
      const nucleus: number[] = [];
      let mass = 0;
      for (const id of kept) {
        if (nucleus.length > 0 && mass >= topP * total * (1 + 1e-6)) break;
        if (nucleus.length > 0 && mass >= topP * total * (1 - 1e-6)) return; // too close to call
        nucleus.push(id);
        mass += weight(id);
      }
      expect([...kernel.ids.subarray(0, count)]).toEqual(nucleus.sort((a, b) => a - b));
    }),
    { numRuns: 500 },
  );
});

test("temperature 0 takes the best token after bias and penalties", () => {
  const sampler = new Sampler(new RowKernel(4));
  const never = () => {
    throw new Error("no randomness at temperature 0");
  };
  const greedy = { ...neutral, temperature: 0 };
  const row = () => Float32Array.of(1, 3, 2.5, 0);
  expect(sampler.sample(row(), greedy, new Map(), never)).toBe(1);
  expect(sampler.sample(row(), { ...greedy, presencePenalty: 1 }, new Map([[1, 1]]), never)).toBe(2);
  expect(sampler.sample(row(), { ...greedy, logitBias: [[0, 100]] }, new Map(), never)).toBe(0);
});

test("a row keeps its values, whatever is added for the draw", () => {
  const row = Float32Array.of(1, 3, 2.5, 0);
  new Sampler(new RowKernel(4)).sample(
    row,
    { ...neutral, logitBias: [[0, 100]], presencePenalty: 2 },
    new Map([[1, 3]]),
    () => 0.5,
  );
  expect([...row]).toEqual([1, 3, 2.5, 0]);
});

test.each([
  ["nothing but NaN", [Number.NaN, Number.NaN]],
  ["one NaN among numbers", [1, 2, 3, 4, 5, Number.NaN, 7]],
  ["an infinite logit", [1, Number.POSITIVE_INFINITY]],
  ["no token possible", [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
])("a broken model's row is an error, not a token: %s", (_, values) => {
  const broken = Float32Array.from(values);
  const kernel = new RowKernel(broken.length);
  for (const temperature of [0, 1]) {
    const draw = () => new Sampler(kernel).sample(broken, { ...neutral, temperature }, new Map(), () => 0.5);
    expect(draw).toThrow(BadLogits);
  }
  expect(() => score(kernel, broken, 0, 1)).toThrow(BadLogits);
});

test("a top_k beyond the vocabulary takes nothing away, however large", () => {
  const row = Float32Array.of(1, 2, 3, 4, 5);
  for (const topK of [6, 2 ** 32 + 1, 2 ** 53 - 1]) {
    expect(candidates(row, { ...neutral, topK }).count).toBe(5);
  }
});

test("a temperature next to nothing takes the best token", () => {
  const sampler = new Sampler(new RowKernel(5));
  const row = Float32Array.of(1, 1.0001, 3, 2.9999, 0);
  for (const temperature of [1e-5, 1e-7, 1e-30, 1e-45]) {
    expect(sampler.sample(row, { ...neutral, temperature, topP: 0.9 }, new Map(), () => 0.999)).toBe(2);
  }
});

describe("rows as a model gives them", () => {
  const size = 50_280;
  /** Logits that fall off from a few likely tokens (`sharpness` high) or are nearly all alike (low). */
  const rowOf = (sharpness: number, seed: number) => {
    const random = new Random(seed, 0);
    return Float32Array.from({ length: size }, () => sharpness * Math.log(-Math.log(random.next())) * -1);
  };
  const kernel = new RowKernel(size);

  test.each([0.01, 0.5, 2, 6])(
    "sharpness %d: sums, nucleus and best tokens are those of plain arithmetic",
    (sharpness) => {
      const row = rowOf(sharpness, 5);
      const order = [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || b - a);
      const best = row[order[0] ?? 0] ?? 0;
      const weights = order.map((id) => Math.exp((row[id] ?? 0) - best));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      kernel.load(row);
      expect(kernel.logPartition()).toBeCloseTo(best + Math.log(total), 6);
      const { count } = kernel.candidates(1, 0, 0.92, 0);
      let nucleus = 0;
      for (let mass = 0; mass < 0.92 * total; nucleus += 1) mass += weights[nucleus] ?? 0;
      // In single precision a few tokens at the cut may fall on its other side.
      expect(Math.abs(count - nucleus)).toBeLessThanOrEqual(2);
      const { top } = score(kernel, row, 0, 20);
      expect(top.map(([id]) => id)).toEqual(order.slice(0, 20));
      for (const [rank, [, logprob]] of top.entries()) {
        expect(logprob).toBeCloseTo(Math.log((weights[rank] ?? 0) / total), 5);
      }
    },
  );
});

test("log-probabilities are those of the whole vocabulary, and the token's own is among the best as it is", () => {
  const logits = Float32Array.from({ length: 1001 }, (_, id) => Math.sin(id * 12.9898) * 8);
  const kernel = new RowKernel(1001);
  const { logprob, top } = score(kernel, logits, 17, 2000);
  expect(top).toHaveLength(1001);
  expect(top.reduce((sum, [, value]) => sum + Math.exp(value), 0)).toBeCloseTo(1, 6);
  for (const [index, [, value]] of top.entries()) expect(value).toBeLessThanOrEqual(top[index - 1]?.[1] ?? 0);
  expect(top.find(([id]) => id === 17)?.[1]).toBe(logprob);
  expect(score(kernel, logits, 17, 0).top).toEqual([]);
  expect(score(kernel, logits, 17, 5).top).toEqual(top.slice(0, 5));
});

test("the repetition penalty divides positive logits and multiplies others, of tokens that were seen", () => {
  const logits = Float32Array.of(2, -2, 1.5, -3);
  const seen = new Set([0, 1]);
  const best = (repetitionPenalty: number) =>
    new Sampler(new RowKernel(logits.length)).sample(
      logits,
      { ...neutral, temperature: 0, repetitionPenalty },
      new Map(),
      () => 0,
      undefined,
      seen,
    );
  expect(best(1)).toBe(0);
  expect(best(1.3)).toBe(0);
  expect(best(1.4)).toBe(2);
  const negative = Float32Array.of(-2, -2.5);
  const least = new Sampler(new RowKernel(2)).sample(
    negative,
    { ...neutral, temperature: 0, repetitionPenalty: 2 },
    new Map(),
    () => 0,
    undefined,
    new Set([0]),
  );
  expect(least).toBe(1);
});

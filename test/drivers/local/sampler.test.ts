import fc from "fast-check";
import { describe, expect, test } from "vitest";
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
    const { count, total, ids, weights } = new Sampler(logits.length).candidates(logits, sampling);
    const distribution = Object.fromEntries(
      [...ids.subarray(0, count)].map((id) => [String(id), (weights[id] ?? 0) / total]),
    );
    expect(Object.keys(distribution)).toEqual(Object.keys(item.probabilities));
    for (const [id, probability] of Object.entries(item.probabilities)) {
      expect(distribution[id]).toBeCloseTo(probability, 6);
    }
  });

  test("are what tokens are drawn from", () => {
    for (const item of cases.slice(0, 8)) {
      const sampler = new Sampler(item.logits.length);
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
      const { count, ids } = new Sampler(logits.length).candidates(logits, { ...neutral, topP, topK });
      const order = [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || b - a);
      const kth = logits[order[Math.min(topK || logits.length, logits.length) - 1] ?? 0] ?? 0;
      const kept = order.filter((id) => (logits[id] ?? 0) >= kth);
      const best = logits[order[0] ?? 0] ?? 0;
      const weight = (id: number) => Math.exp((logits[id] ?? 0) - best);
      const total = kept.reduce((sum, id) => sum + weight(id), 0);
      const nucleus: number[] = [];
      let mass = 0;
      for (const id of kept) {
        if (nucleus.length > 0 && mass >= topP * total * (1 + 1e-12)) break;
        if (nucleus.length > 0 && mass >= topP * total * (1 - 1e-12)) return; // too close to call
        nucleus.push(id);
        mass += weight(id);
      }
      expect([...ids.subarray(0, count)]).toEqual(nucleus.sort((a, b) => a - b));
    }),
    { numRuns: 500 },
  );
});

test("temperature 0 takes the best token after bias and penalties", () => {
  const sampler = new Sampler(4);
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
  new Sampler(4).sample(
    row,
    { ...neutral, logitBias: [[0, 100]], presencePenalty: 2 },
    new Map([[1, 3]]),
    () => 0.5,
  );
  expect([...row]).toEqual([1, 3, 2.5, 0]);
});

test("a broken model's row is an error, not a token", () => {
  const broken = Float32Array.of(Number.NaN, Number.NaN);
  for (const temperature of [0, 1]) {
    const draw = () => new Sampler(2).sample(broken, { ...neutral, temperature }, new Map(), () => 0.5);
    expect(draw).toThrow(/not finite/);
  }
});

test("the same seed and index repeat a sequence, other ones do not", () => {
  const take = (seed: number, index: number) => {
    const random = new Random(seed, index);
    return Array.from({ length: 20 }, () => random.next());
  };
  expect(take(1234, 0)).toEqual(take(1234, 0));
  const seeds = [0, 1, -1, 1234, 2 ** 32, 2 ** 32 + 1, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  const firsts = seeds.flatMap((seed) => [take(seed, 0)[0], take(seed, 1)[0]]);
  expect(new Set(firsts).size).toBe(firsts.length);
  const many = new Random(5, 0);
  const mean = Array.from({ length: 20_000 }, () => many.next()).reduce((sum, x) => sum + x, 0) / 20_000;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
});

test("log-probabilities are those of the whole vocabulary, and the token's own is among the best as it is", () => {
  const logits = Float32Array.from({ length: 1000 }, (_, id) => Math.sin(id * 12.9898) * 8);
  const { logprob, top } = score(logits, 17, 1000);
  expect(top).toHaveLength(1000);
  expect(top.reduce((sum, [, value]) => sum + Math.exp(value), 0)).toBeCloseTo(1, 9);
  for (const [index, [, value]] of top.entries()) expect(value).toBeLessThanOrEqual(top[index - 1]?.[1] ?? 0);
  expect(top.find(([id]) => id === 17)?.[1]).toBe(logprob);
  expect(score(logits, 17, 0).top).toEqual([]);
  expect(score(logits, 17, 5).top).toEqual(top.slice(0, 5));
});

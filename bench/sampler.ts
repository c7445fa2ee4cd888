/**
 * What the sampler takes for one token of a vocabulary of 50,280, on rows of several shapes (`npm run bench:sampler`).
 * Each figure is the median of the runs, with the least; the machine should have nothing else to do.
 */
import { performance } from "node:perf_hooks";
import { RowKernel } from "../drivers/local/kernel/row-kernel.ts";
import { score } from "../drivers/local/logprobs.ts";
import { Random } from "../drivers/local/random.ts";
import { Sampler } from "../drivers/local/sampler.ts";
import { NEUTRAL, type Sampling } from "../src/core/generation.ts";

const SIZE = 50_280;
const RUNS = 400;
const kernel = new RowKernel(SIZE);
const sampler = new Sampler(kernel);
const random = new Random(1, 0);
const plain: Sampling = { ...NEUTRAL, logitBias: [], seed: null };
const counts = new Map([...Array(100).keys()].map((id) => [id * 17, 1 + (id % 3)]));

/** Gumbel noise, scaled: from nearly flat to a few likely tokens. */
const rows = { flat: 0.05, "as a model gives": 2, peaked: 8 };
const work: Readonly<Record<string, (row: Float32Array) => unknown>> = {
  greedy: (row) => sampler.sample(row, { ...plain, temperature: 0 }, counts, () => 0),
  "top_p 0.92": (row) => sampler.sample(row, { ...plain, topP: 0.92 }, counts, () => random.next()),
  "temperature 0.7, top_k 40, top_p 0.9": (row) =>
    sampler.sample(row, { ...plain, temperature: 0.7, topK: 40, topP: 0.9 }, counts, () => random.next()),
  "top_p 0.92 with penalties": (row) =>
    sampler.sample(row, { ...plain, topP: 0.92, frequencyPenalty: 0.5 }, counts, () => random.next()),
  "20 log-probabilities": (row) => score(kernel, row, 7, 20),
  "a scored prompt token": (row) => score(kernel, row, 7, 0),
};

const noise = Float32Array.from({ length: SIZE }, () => -Math.log(-Math.log(random.next())));
console.log(`| ms a token | ${Object.keys(rows).join(" | ")} |`);
console.log(
  `| --- | ${Object.keys(rows)
    .map(() => "---:")
    .join(" | ")} |`,
);
for (const [name, run] of Object.entries(work)) {
  const cells = Object.values(rows).map((scale) => {
    const row = noise.map((value) => value * scale);
    const times = Array.from({ length: RUNS }, () => {
      const began = performance.now();
      run(row);
      return performance.now() - began;
    }).sort((a, b) => a - b);
    return `${times[RUNS / 2]?.toFixed(3)} (${times[0]?.toFixed(3)})`;
  });
  console.log(`| ${name} | ${cells.join(" | ")} |`);
}

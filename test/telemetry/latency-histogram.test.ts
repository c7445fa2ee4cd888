import { Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { LatencyHistogram } from "../../src/telemetry/latency-histogram.ts";

const definition = { name: "latency_seconds", help: "A latency.", buckets: [0.001, 0.01, 0.1, 1] };

/** Lines without the order of labels. */
const series = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      line.replace(/\{(.*)\}/, (_match, labels: string) => `{${labels.split(",").toSorted().join(",")}}`),
    );

test("it says what prom-client's histogram would say of the same observations", async () => {
  const registry = new Registry();
  const { name, help, buckets } = definition;
  const theirs = new Histogram({ name, help, buckets, labelNames: ["model"], registers: [registry] });
  const ours = new LatencyHistogram(definition, "model");
  // Multiples of a power of two, whose sums are exact.
  for (const [model, value, times] of [
    ["a", 0.0009765625, 1],
    ["a", 0.5, 3],
    ["b", 2, 2],
    ["b", 1, 1],
    ["a", 0.0078125, 5],
  ] as const) {
    ours.series(model).observe(value, times);
    for (let index = 0; index < times; index += 1) theirs.observe({ model }, value);
  }
  expect(series(ours.text())).toEqual(series(await registry.metrics()));
});

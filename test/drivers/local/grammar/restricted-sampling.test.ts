import fc from "fast-check";
import { expect, test } from "vitest";
import { RowKernel } from "../../../../drivers/local/kernel/row-kernel.ts";
import { Random } from "../../../../drivers/local/random.ts";
import { Sampler } from "../../../../drivers/local/sampler.ts";
import { NEUTRAL } from "../../../../src/core/generation.ts";

test.each([1, 7, 31, 32, 33, 100, 6144])("of %d tokens, only those that are allowed are drawn", (size) => {
  const kernel = new RowKernel(size);
  const sampler = new Sampler(kernel);
  const ids = fc.uniqueArray(fc.nat({ max: size - 1 }), { minLength: 1, maxLength: 40 });
  const shapes = fc.record({
    temperature: fc.constantFrom(0, 0.7, 2),
    topP: fc.constantFrom(0.5, 1),
    topK: fc.constantFrom(0, 3, 200),
  });
  fc.assert(
    fc.property(ids, shapes, fc.integer({ min: 1, max: 1e6 }), (allowed, shape, seed) => {
      const random = new Random(seed, 0);
      const row = Float32Array.from({ length: size }, () => 8 * random.next());
      const sampling = { ...NEUTRAL, ...shape, logitBias: [], seed: null };
      const id = sampler.sample(
        row,
        sampling,
        new Map(),
        () => random.next(),
        (bits) => {
          bits.fill(0);
          for (const one of allowed) bits[one >>> 5] = (bits[one >>> 5] ?? 0) | (1 << (one & 31));
        },
      );
      expect(allowed).toContain(id);
      if (shape.temperature > 0) return;
      expect(row[id]).toBe(Math.max(...allowed.map((one) => row[one] ?? 0)));
    }),
    { seed: 11, numRuns: 100 },
  );
});

test("where all tokens are allowed, the same one is drawn as without", () => {
  const size = 1000;
  const sampler = new Sampler(new RowKernel(size));
  const row = Float32Array.from({ length: size }, (_, id) => Math.sin(id) * 5);
  const sampling = { ...NEUTRAL, topP: 0.9, logitBias: [], seed: null };
  for (let at = 0; at < 50; at += 1) {
    const free = sampler.sample(row, sampling, new Map(), () => at / 50);
    expect(
      sampler.sample(
        row,
        sampling,
        new Map(),
        () => at / 50,
        (bits) => bits.fill(0xffffffff),
      ),
    ).toBe(free);
  }
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { expMinus } from "../../../drivers/local/exponential.ts";

test("is exp(-x) to the last digits, within its table and beyond", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 700, noNaN: true }), (x) => {
      expect(Math.abs(expMinus(x) / Math.exp(-x) - 1)).toBeLessThan(1e-15);
    }),
    { numRuns: 5000 },
  );
  expect(expMinus(0)).toBe(1);
  expect(expMinus(Number.POSITIVE_INFINITY)).toBe(0);
});

import { expect, test } from "vitest";
import { pairedRatio, spread } from "../../bench/statistics.ts";

test("the median of an even number of measurements lies between the middle two", () => {
  expect(spread([4, 1, 3, 10])).toEqual({ median: 3.5, least: 1, most: 10 });
  expect(spread([7, 2, 5])).toEqual({ median: 5, least: 2, most: 7 });
});

test("no measurement is an error, not a number", () => {
  expect(() => spread([])).toThrow(RangeError);
});

test("a ratio is taken round by round, so that a slow round counts for neither server", () => {
  expect(pairedRatio([100, 10, 50], [50, 5, 25])).toEqual({ median: 2, least: 2, most: 2 });
  expect(() => pairedRatio([1], [1, 2])).toThrow("1 rounds against 2");
});

import { expect, test } from "vitest";
import { circuitIsOpen, restartDelay } from "../../../drivers/local/restart-policy.ts";

test("the pause before a start doubles from 0.2 s to 10 s", () => {
  const pauses = Array.from({ length: 9 }, (_, deaths) => restartDelay(Array(deaths + 1).fill(0)));
  expect(pauses).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
  expect(restartDelay(Array(2000).fill(0))).toBe(10_000);
});

test.each([
  ["no death", [], false],
  ["two within a minute", [0, 30_000], false],
  ["three within a minute", [0, 30_000, 59_000], true],
  ["three, the first more than a minute ago", [-2000, 30_000, 59_000], false],
])("%s: the circuit is open: %s", (_, deaths, open) => {
  expect(circuitIsOpen(deaths, 59_500)).toBe(open);
});

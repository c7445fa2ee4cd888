import { expect, test } from "vitest";
import { editDistance, nearest } from "../../src/config/nearest.ts";

test.each([
  ["", "", 0],
  ["parallel", "parallel", 0],
  ["parralel", "parallel", 2],
  ["prt", "port", 1],
  ["kitten", "sitting", 3],
  ["", "abc", 3],
  ["abc", "", 3],
])("%j is as far from %j as %d edits", (from, to, distance) => {
  expect(editDistance(from, to)).toBe(distance);
});

test("the nearest word is the one that was meant, and none where nothing is near", () => {
  const known = ["port", "host", "models", "cache_dir"];
  expect(nearest("prt", known)).toBe("port");
  expect(nearest("Model", known)).toBe("models");
  expect(nearest("cachedir", known)).toBe("cache_dir");
  expect(nearest("temperature", known)).toBeUndefined();
});

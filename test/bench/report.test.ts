import { expect, test } from "vitest";
import { agreement, comparison } from "../../bench/report.ts";

test("a table shows each server's median and spread, and the ratio round by round", () => {
  const gateway = { name: "gateway", rounds: [{ "tokens/s": 90 }, { "tokens/s": 110 }, { "tokens/s": 100 }] };
  const peer = { name: "peer", rounds: [{ "tokens/s": 100 }, { "tokens/s": 100 }, { "tokens/s": 200 }] };
  expect(comparison([gateway, peer]).split("\n")).toEqual([
    "|  | gateway | peer | gateway / peer |",
    "| --- | ---: | ---: | ---: |",
    "| tokens/s | 100 (90–110) | 100 (100–200) | 0.90 (0.50–1.10) |",
  ]);
});

test("a figure that one server lacks leaves its cells empty", () => {
  const gateway = { name: "gateway", rounds: [{ "engine, µs": 12.345 }] };
  const peer = { name: "peer", rounds: [{}] };
  expect(comparison([gateway, peer])).toContain("| engine, µs | 12.3 |  |  |");
});

test("a round in which one server failed has no ratio, and costs the other rounds nothing", () => {
  const gateway = { name: "gateway", rounds: [{}, { "tokens/s": 110 }, { "tokens/s": 100 }] };
  const peer = { name: "peer", rounds: [{ "tokens/s": 1 }, { "tokens/s": 100 }, {}] };
  expect(comparison([gateway, peer])).toContain("| tokens/s | 105 (100–110) | 50.5 (1–100) | 1.10 |");
});

test("agreement tells how far answers are equal", () => {
  expect(agreement(["same", "dogs bark"], ["same", "dogs bite"])).toBe(
    "1 of 2 answers equal, 10 of 13 characters before the first difference",
  );
});

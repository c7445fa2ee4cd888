import { expect, test } from "vitest";
import { cpuBetween, secondsOfStat } from "../../bench/process-cpu.ts";

test("user and system time are found behind a name that looks like fields", () => {
  const rest = `S 1 ${Array.from({ length: 9 }, () => "0").join(" ")} 250 50 0 0`;
  expect(secondsOfStat(`42 (node) 1) ${rest}`)).toBe(3);
  expect(() => secondsOfStat("42 (node")).toThrow("not a line of /proc/PID/stat");
});

test("the time of living threads is exact", () => {
  const before = { coarse: 1, threads: new Map([["1", 0.5]]) };
  const after = {
    coarse: 1.01,
    threads: new Map([
      ["1", 0.503],
      ["2", 0.004],
    ]),
  };
  expect(cpuBetween(before, after)).toBeCloseTo(0.007, 9);
});

test("time that ended threads took along is counted by the process's clock", () => {
  const threads = new Map([["1", 0.5]]);
  expect(cpuBetween({ coarse: 1, threads }, { coarse: 3, threads })).toBe(2);
});

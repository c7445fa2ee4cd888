import { expect, test } from "vitest";
import { showProgress } from "../../src/cli/progress.ts";
import { Clock } from "../routing/stand-ins.ts";

function display(columns: number) {
  const clock = new Clock();
  const written: string[] = [];
  const note = (text: string) => written.push(text);
  return { clock, written, shown: showProgress("loading tiny", { note, columns, ...clockParts(clock) }) };
}

const clockParts = ({ monotonic, after }: Clock) => ({ monotonic, after });

test("what takes less than a second is not shown", () => {
  for (const columns of [0, 80]) {
    const { clock, written, shown } = display(columns);
    clock.advance(900);
    shown.update({ task: "converting tiny", fraction: 0.5 });
    shown.end();
    clock.advance(1_000);
    expect(written).toEqual([]);
  }
});

test("without a terminal there are plain lines, one for each quarter of a task", () => {
  const { clock, written, shown } = display(0);
  clock.advance(1_000);
  for (let step = 0; step <= 100; step += 1) shown.update({ task: "converting tiny", fraction: step / 100 });
  shown.update({ task: "loading tiny", fraction: 0.3 });
  shown.end();
  expect(written.join("")).toBe(
    [
      "loading tiny …",
      "converting tiny …",
      "converting tiny: 25 %",
      "converting tiny: 50 %",
      "converting tiny: 75 %",
      "converting tiny: 100 %",
      "loading tiny: 25 %",
      "",
    ].join("\n"),
  );
});

test("on a terminal there is a bar on one line, no wider than the terminal, which is wiped at the end", () => {
  const { clock, written, shown } = display(60);
  clock.advance(1_000);
  shown.update({ task: "converting a model with a long name to q8_0", fraction: 0.25 });
  clock.advance(200);
  shown.update({ task: "converting a model with a long name to q8_0", fraction: 0.5 });
  shown.end();
  const wipe = "\r\u001b[K";
  expect(written.at(0)).toBe(`${wipe}[${"-".repeat(30)}]   0 %  loading tiny`);
  expect(written.at(-2)).toBe(`${wipe}[${"#".repeat(15)}${"-".repeat(15)}]  50 %  converting a model `);
  expect(written.at(-1)).toBe(wipe);
  expect(written.every((text) => !text.includes("\n"))).toBe(true);
});

test("a terminal is not repainted for every step", () => {
  const { clock, written, shown } = display(80);
  clock.advance(1_000);
  for (let step = 0; step < 1_000; step += 1) {
    clock.advance(1);
    shown.update({ task: "converting", fraction: step / 1_000 });
  }
  expect(written.length).toBeLessThan(15);
});

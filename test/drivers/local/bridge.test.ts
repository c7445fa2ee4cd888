import { expect, test } from "vitest";
import { bridges } from "../../../drivers/local/bridge.ts";

const info = { vocabularySize: 10, contextLength: 8, slots: 10, batchTokens: 8, device: "" };
const inputs = (...slots: number[]) =>
  slots.map((slot) => ({ slot, position: 0, tokens: [1], logits: "last" as const }));
const none = Array.from({ length: 10 }, () => 0);

test.each([
  ["nothing between neighbours", [0, 1, 2], []],
  ["nothing before the first and behind the last", [4, 5], []],
  ["one or two idle slots", [0, 2, 5], [1, 3, 4]],
  ["not more: another pass is cheaper", [0, 4], []],
  ["as long as there is room in the step", [0, 2, 4, 6, 8], [1, 3, 5]],
])("%s", (_, slots, expected) => {
  expect(bridges(inputs(...slots), info, none)).toEqual(expected);
});

test("a full slot has no room for another token", () => {
  const lengths = [0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
  expect(bridges(inputs(0, 2, 4), info, lengths)).toEqual([3]);
});

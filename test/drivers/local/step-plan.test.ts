import { describe, expect, test } from "vitest";
import { chooseSlot, planStep, type SlotContent } from "../../../drivers/local/step-plan.ts";

const decoding = (slot: number) => ({ slot, pending: 1, decoding: true });
const prompt = (slot: number, pending: number) => ({ slot, pending, decoding: false });
const limits = { batchTokens: 16, prefillChunk: 4 };

describe("planStep", () => {
  test.each([
    ["nobody", [], []],
    [
      "decoders feed one token each",
      [decoding(0), decoding(2)],
      [
        { slot: 0, count: 1 },
        { slot: 2, count: 1 },
      ],
    ],
    ["a lone prompt takes the whole step", [prompt(1, 100)], [{ slot: 1, count: 16 }]],
    [
      "a short prompt leaves room for the next",
      [prompt(0, 6), prompt(1, 100)],
      [
        { slot: 0, count: 6 },
        { slot: 1, count: 10 },
      ],
    ],
    [
      "beside a decoder, prompts share one chunk",
      [prompt(0, 3), prompt(1, 9), decoding(2)],
      [
        { slot: 0, count: 3 },
        { slot: 1, count: 1 },
        { slot: 2, count: 1 },
      ],
    ],
    [
      "shares come in the order of their slots, whatever the order of arrival",
      [decoding(3), prompt(2, 2), decoding(0)],
      [
        { slot: 0, count: 1 },
        { slot: 2, count: 2 },
        { slot: 3, count: 1 },
      ],
    ],
  ])("%s", (_, running, expected) => {
    expect(planStep(running, limits)).toEqual(expected);
  });

  test("a step is never overfull", () => {
    const many = Array.from({ length: 20 }, (_, slot) => decoding(slot));
    expect(planStep([...many, prompt(20, 5)], limits)).toHaveLength(16);
  });
});

describe("chooseSlot", () => {
  const slot = (tokens: number[], lastUsed: number, busy = false): SlotContent => ({
    tokens,
    lastUsed,
    busy,
  });

  test("none while all are busy", () => {
    expect(chooseSlot([slot([1, 2], 1, true)], [1, 2, 3])).toBeUndefined();
  });

  test("the least recently used where nothing is shared", () => {
    expect(chooseSlot([slot([9], 2), slot([8], 1)], [1, 2])).toEqual({ slot: 1, from: 1, reused: 0 });
  });

  test("a conversation goes on in its own slot", () => {
    const slots = [slot([1, 2, 3], 1), slot([1, 9], 2), slot([], 0)];
    expect(chooseSlot(slots, [1, 2, 3, 4])).toEqual({ slot: 0, from: 0, reused: 3 });
  });

  test("at least one token is left to compute", () => {
    expect(chooseSlot([slot([1, 2, 3], 1)], [1, 2, 3])).toEqual({ slot: 0, from: 0, reused: 2 });
  });

  test("a short common beginning is copied, so that the other conversation stays", () => {
    const slots = [slot([1, 2, 3, 4, 5, 6, 7], 5), slot([9], 1)];
    expect(chooseSlot(slots, [1, 2, 8])).toEqual({ slot: 1, from: 0, reused: 2 });
  });

  test("a running sequence lends its beginning", () => {
    const slots = [slot([1, 2, 3], 5, true), slot([], 0)];
    expect(chooseSlot(slots, [1, 2, 3])).toEqual({ slot: 1, from: 0, reused: 2 });
  });
});

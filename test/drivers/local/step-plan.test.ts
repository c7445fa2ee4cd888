import { describe, expect, test } from "vitest";
import { planStep } from "../../../drivers/local/step-plan.ts";

const decoding = (slot: number) => ({ slot, pending: 1, decoding: true, scored: false });
const prompt = (slot: number, pending: number) => ({ slot, pending, decoding: false, scored: false });
const scored = (slot: number, pending: number) => ({ slot, pending, decoding: false, scored: true });
const limits = { tokens: 16, promptTokens: 4, scoredTokens: 5 };

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
    [
      "scored prompts share the rows, and leave the rest of the step to others",
      [scored(0, 3), scored(1, 9), prompt(2, 100)],
      [
        { slot: 0, count: 3 },
        { slot: 1, count: 2 },
        { slot: 2, count: 11 },
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

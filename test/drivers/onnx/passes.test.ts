import { expect, test } from "vitest";
import type { EngineInfo, SlotInput } from "../../../drivers/local/engine.ts";
import { passesOf } from "../../../drivers/onnx/passes.ts";

const info: EngineInfo = { vocabularySize: 100, contextLength: 32, slots: 8, batchTokens: 64, device: "CPU" };

const decode = (slot: number, position: number): SlotInput => ({
  slot,
  position,
  tokens: [slot + 10],
  logits: "last",
});

test("answers in neighbouring slots are computed in one pass, each at its own position", () => {
  expect(passesOf([decode(2, 5), decode(3, 9)], info, [0, 0, 5, 9])).toEqual([
    { first: 2, slots: 2, length: 1, tokens: [12, 13], lastPositions: [5, 9], rows: [0, 1], outputs: [0, 1] },
  ]);
});

test("an idle slot between two answers computes a token of no use, behind what it holds", () => {
  expect(passesOf([decode(0, 5), decode(2, 9)], info, [5, 3, 9])).toEqual([
    {
      first: 0,
      slots: 3,
      length: 1,
      tokens: [10, 0, 12],
      lastPositions: [5, 3, 9],
      rows: [0, 2],
      outputs: [0, 1],
    },
  ]);
});

test("slots far apart, and full ones between, make passes of their own", () => {
  const spans = (inputs: SlotInput[], lengths: number[]) =>
    passesOf(inputs, info, lengths).map(({ first, slots }) => [first, slots]);
  expect(spans([decode(0, 1), decode(7, 1)], [1, 0, 0, 0, 0, 0, 0, 1])).toEqual([
    [0, 1],
    [7, 1],
  ]);
  expect(spans([decode(0, 1), decode(2, 1)], [1, 32, 1])).toEqual([
    [0, 1],
    [2, 1],
  ]);
});

test("a prompt's piece is a pass of its own; its rows stand where its input does", () => {
  const prompt = { slot: 1, position: 4, tokens: [7, 8, 9], logits: "every" } as const;
  expect(passesOf([decode(0, 5), prompt, decode(2, 9)], info, [5, 4, 9])).toEqual([
    // Slot 1 lies between the two and is bridged, where its prompt's piece is computed afterwards.
    {
      first: 0,
      slots: 3,
      length: 1,
      tokens: [10, 0, 12],
      lastPositions: [5, 4, 9],
      rows: [0, 2],
      outputs: [0, 4],
    },
    {
      first: 1,
      slots: 1,
      length: 3,
      tokens: [7, 8, 9],
      lastPositions: [6],
      rows: [0, 1, 2],
      outputs: [1, 2, 3],
    },
  ]);
});

test("a piece of which nothing is wanted has no rows, and one whose end is wanted has one", () => {
  const piece = (logits: SlotInput["logits"]) => ({ slot: 0, position: 0, tokens: [1, 2, 3], logits });
  expect(passesOf([piece("none")], info, [0])[0]).toMatchObject({ rows: [], outputs: [] });
  expect(passesOf([piece("last")], info, [0])[0]).toMatchObject({ rows: [2], outputs: [0] });
});

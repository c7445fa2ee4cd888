import { describe, expect, test } from "vitest";
import { chooseSlot, type SlotContent, type Wanted } from "../../../drivers/local/slot-choice.ts";

/** `length` tokens that begin like every other such list, up to where `own` says that it goes its own way. */
const tokens = (length: number, own = length, flavour = 1) =>
  Array.from({ length }, (_, at) => (at < own ? at : at + 1000 * flavour));

const slot = (held: number[], lastUsed: number, rest: Partial<SlotContent> = {}): SlotContent => ({
  tokens: held,
  scores: [],
  tenant: "a",
  promptLength: held.length,
  busy: false,
  coming: undefined,
  lastUsed,
  ...rest,
});

const wanted = (prompt: number[], rest: Partial<Wanted> = {}): Wanted => ({
  prompt,
  tenant: "a",
  sharedPrefix: 0,
  alternatives: null,
  ...rest,
});

const scores = (length: number, alternatives: number) => [
  undefined,
  ...Array.from({ length: length - 1 }, () => ({
    logprob: -1,
    top: Array.from({ length: alternatives }, (_, id) => [id, -1] as const),
  })),
];

describe("which slot", () => {
  test("none while all are busy", () => {
    expect(chooseSlot([slot(tokens(9), 1, { busy: true })], wanted(tokens(12)), false)).toBeUndefined();
  });

  test("the least recently used where nothing is shared", () => {
    const slots = [slot(tokens(20, 0, 2), 2), slot(tokens(20, 0, 3), 1)];
    expect(chooseSlot(slots, wanted(tokens(12)), false)).toEqual({ take: 1, from: 1, reused: 0 });
  });

  test("a conversation goes on in its own slot", () => {
    const slots = [slot(tokens(30), 1), slot(tokens(30, 12), 2), slot([], 0)];
    expect(chooseSlot(slots, wanted(tokens(40)), false)).toEqual({ take: 0, from: 0, reused: 30 });
  });

  test("at least one token is left to compute", () => {
    expect(chooseSlot([slot(tokens(30), 1)], wanted(tokens(30)), false)).toMatchObject({ reused: 29 });
  });

  test("a short common beginning is copied, so that the other conversation stays", () => {
    const slots = [slot(tokens(80), 5), slot(tokens(9, 0), 1)];
    const prompt = wanted(tokens(20, 10, 4));
    expect(chooseSlot(slots, prompt, false)).toEqual({ take: 1, from: 0, reused: 10 });
  });

  test("the least recently used slot is continued in place, however little of it is used", () => {
    const prompt = wanted(tokens(20, 10, 4));
    expect(chooseSlot([slot(tokens(40), 5)], prompt, false)).toEqual({ take: 0, from: 0, reused: 10 });
  });

  test("a long common beginning is continued in place, although a little at the end is lost", () => {
    const slots = [slot(tokens(500), 5), slot([], 0)];
    expect(chooseSlot(slots, wanted(tokens(420, 410, 4)), false)).toEqual({ take: 0, from: 0, reused: 410 });
  });

  test("the same prompt again replaces its answer, unless there is an empty slot", () => {
    const answered = slot(tokens(100), 5, { promptLength: 40 });
    const other = slot(tokens(60, 0, 2), 1);
    expect(chooseSlot([answered, other], wanted(tokens(40)), false)).toMatchObject({ take: 0, reused: 39 });
    expect(chooseSlot([answered, slot([], 0)], wanted(tokens(40)), false)).toMatchObject({
      take: 1,
      from: 0,
    });
  });

  test("a few common tokens are not worth a copy", () => {
    const slots = [slot(tokens(40), 5), slot(tokens(9, 0), 1)];
    const prompt = wanted(tokens(20, 5, 4));
    expect(chooseSlot(slots, prompt, false)).toEqual({ take: 1, from: 1, reused: 0 });
  });

  test("a running sequence lends its beginning", () => {
    const slots = [slot(tokens(30), 5, { busy: true }), slot([], 0)];
    expect(chooseSlot(slots, wanted(tokens(30)), false)).toEqual({ take: 1, from: 0, reused: 29 });
  });
});

describe("tenants", () => {
  const others = [slot(tokens(60), 5, { tenant: "b" }), slot([], 0)];

  test("nothing of another tenant's prompt is used but the template's head", () => {
    const prompt = tokens(40);
    expect(chooseSlot(others, wanted(prompt), false)).toEqual({ take: 1, from: 1, reused: 0 });
    const head = wanted(prompt, { sharedPrefix: 12 });
    expect(chooseSlot(others, head, false)).toEqual({ take: 1, from: 0, reused: 12 });
  });

  test("unless the operator lets everybody share", () => {
    expect(chooseSlot(others, wanted(tokens(40)), true)).toMatchObject({ from: 0, reused: 39 });
  });

  test("nobody waits for another tenant's prompt", () => {
    const coming = { prompt: tokens(40), alternatives: null };
    const slots = [slot([], 1, { tenant: "b", busy: true, coming }), slot([], 0)];
    expect(chooseSlot(slots, wanted(tokens(40)), false)).toMatchObject({ take: 1, reused: 0 });
  });
});

describe("what is being computed", () => {
  const coming = { prompt: tokens(40), alternatives: null };
  const slots = [slot(tokens(8), 1, { busy: true, coming }), slot([], 0)];

  test("is waited for where it saves most of the work", () => {
    expect(chooseSlot(slots, wanted(tokens(44, 40)), false)).toEqual({ wait: 0, tokens: 40 });
  });

  test("is not waited for where most of the work is left", () => {
    expect(chooseSlot(slots, wanted(tokens(140, 40)), false)).toMatchObject({ take: 1, reused: 8 });
  });
});

describe("scored prompts", () => {
  test("use what was scored before, and compute the last token that is common again", () => {
    const slots = [slot(tokens(30), 1, { scores: scores(30, 2) })];
    const prompt = wanted(tokens(33, 30), { alternatives: 2 });
    expect(chooseSlot(slots, prompt, false)).toMatchObject({ reused: 29 });
  });

  test("compute what was not scored, or with fewer alternatives", () => {
    const prompt = (alternatives: number) => wanted(tokens(33, 30), { alternatives });
    const part = [slot(tokens(30), 1, { scores: scores(11, 2) })];
    expect(chooseSlot(part, prompt(2), false)).toMatchObject({ reused: 10 });
    expect(chooseSlot(part, prompt(3), false)).toMatchObject({ reused: 0 });
  });

  test("wait only for prompts that are scored as they want it", () => {
    const slots = (alternatives: number | null) => [
      slot([], 1, { busy: true, coming: { prompt: tokens(40), alternatives } }),
      slot([], 0),
    ];
    const prompt = wanted(tokens(42, 40), { alternatives: 1 });
    expect(chooseSlot(slots(1), prompt, false)).toEqual({ wait: 0, tokens: 39 });
    expect(chooseSlot(slots(null), prompt, false)).toMatchObject({ take: 1, reused: 0 });
  });
});

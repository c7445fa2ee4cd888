import fc from "fast-check";
import { expect, test } from "vitest";
import type { Constraint } from "../../../../src/core/generation.ts";
import {
  END,
  forgetfulMatcher,
  idsOf,
  matcher,
  ofGrammar,
  ofRegex,
  ofSchema,
  SIZE,
  vocabulary,
} from "./constrained.ts";

/** Texts that the constraints accept, for which each place's mask is looked at. */
const followed: readonly (readonly [Constraint, string])[] = [
  [ofSchema({ type: "object" }), '{"a": [1, -2.5e3, "x\\n\\u0001é"], "b": {"c": null}}'],
  [
    ofSchema({
      type: "object",
      properties: { name: { type: "string", maxLength: 9 }, n: { type: "integer", maximum: 20 } },
      required: ["name"],
    }),
    '{"n":17,"name":"ab\\"日本"}',
  ],
  [
    ofSchema({
      anyOf: [
        { type: "array", items: { enum: ["ab", "abc", "b"] } },
        { type: "array", items: { type: "string", pattern: "^a" } },
      ],
    }),
    '["abc","ab"]',
  ],
  [ofRegex("[a-z ]+, [0-9]{2}(:[0-9]{2})?"), "half past ten, 10:30"],
  [ofGrammar('root ::= word (" " word)* "."\nword ::= [a-z]+ | "(" root ")"'), "a (nested one.) here."],
];

test.each(followed)("%j: exactly the tokens that can follow are allowed", (constraint, text) => {
  const bytes = Buffer.from(text);
  for (let at = 0; at <= bytes.length; at += 7) {
    const allowed = new Uint32Array(Math.ceil(SIZE / 32));
    const here = matcher(constraint);
    expect(here.advance(bytes.subarray(0, at))).toBe(true);
    here.allow(allowed, [END]);
    const expected: number[] = [];
    for (let id = 0; id < SIZE; id += 1) {
      if (id === END) {
        if (here.complete) expected.push(id);
      } else if (!vocabulary.isControl(id) && vocabulary.bytes(id).length > 0) {
        const tried = matcher(constraint);
        tried.advance(bytes.subarray(0, at));
        if (tried.advance(vocabulary.bytes(id))) expected.push(id);
      }
    }
    expect(idsOf(allowed), text.slice(0, at)).toEqual(expected);
  }
});

test.each(followed)("%j: what has been forgotten is found again", (constraint, text) => {
  const known = matcher(constraint);
  const forgetful = forgetfulMatcher(constraint);
  for (const byte of Buffer.from(text)) {
    expect(forgetful.mask()).toEqual(known.mask());
    expect(forgetful.advance(Uint8Array.of(byte))).toBe(true);
    known.advance(Uint8Array.of(byte));
  }
  expect(forgetful.complete).toBe(true);
});

test("a token that ends the answer is allowed only where the answer is complete, whatever it spells", () => {
  const comma =
    [...Array(SIZE).keys()].find((id) => Buffer.from(vocabulary.bytes(id)).toString() === ",") ?? -1;
  const allowed = new Uint32Array(Math.ceil(SIZE / 32));
  const following = matcher(ofSchema({ type: "array", items: { type: "integer" } }));
  following.advance(Buffer.from("[1"));
  following.allow(allowed, [comma]);
  expect(idsOf(allowed)).not.toContain(comma);
  following.advance(Buffer.from("]"));
  following.allow(allowed, [comma]);
  expect(idsOf(allowed)).toEqual([comma]);
  expect(following.ended).toBe(true);
});

test("bytes that cannot follow change nothing", () => {
  const following = matcher(ofSchema({ type: "boolean" }));
  expect(following.advance(Buffer.from("tx"))).toBe(false);
  expect(following.advance(Buffer.from("true"))).toBe(true);
  expect(following.complete).toBe(true);
});

test("whatever is tried, a mask allows only what can be followed", () => {
  const constraint = ofSchema({ type: "array", items: { type: ["string", "integer"] }, uniqueItems: true });
  const start = fc.array(fc.oneof(fc.string({ maxLength: 3 }), fc.integer({ min: -20, max: 20 })), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(start, fc.nat(), (values, cut) => {
      const text = Buffer.from(
        JSON.stringify([...new Set(values)].map((value) => (Object.is(value, -0) ? 0 : value))),
      );
      const bytes = text.subarray(0, cut % (text.length + 1));
      const ids = idsOf(at(bytes).mask());
      // Behind some strings half of the vocabulary may follow.
      for (const id of ids.filter((_, index) => index % 97 === cut % 97)) {
        expect(at(bytes).advance(vocabulary.bytes(id)), `${bytes} ${vocabulary.bytes(id)}`).toBe(true);
      }
    }),
    { seed: 3, numRuns: 30 },
  );
  function at(bytes: Uint8Array) {
    const following = matcher(constraint);
    expect(following.advance(bytes), `${bytes}`).toBe(true);
    return following;
  }
});

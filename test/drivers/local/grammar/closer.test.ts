import { expect, test } from "vitest";
import type { Constraint } from "../../../../src/core/generation.ts";
import { matcher, vocabulary } from "./constrained.ts";

/** What stands in the place of an end behind a text; "" where an end cannot be drawn there. */
function closer(constraint: Constraint, text: string): string {
  const follows = matcher(constraint);
  expect(follows.advance(Buffer.from(text)), text).toBe(true);
  const id = follows.closer;
  return id === undefined ? "" : Buffer.from(vocabulary.bytes(id)).toString();
}

const held = (schema: object): Constraint => ({
  type: "json_schema",
  param: "schema",
  schema,
  ordered: false,
});

const person = held({
  type: "object",
  properties: { name: { type: "string", minLength: 2 }, tags: { type: "array", items: { type: "string" } } },
  required: ["name"],
});

test("an end that is drawn too soon becomes the end of what is innermost, where that may end", () => {
  for (const [text, end] of [
    ["", ""],
    ["{", ""],
    ['{"', ""],
    ['{"name', '"'],
    ['{"name":', ""],
    ['{"name":"A', ""],
    ['{"name":"Ann', '"'],
    ['{"name":"Ann"', "}"],
    ['{"name":"Ann","tags":[', ""],
    ['{"name":"Ann","tags":["a', '"'],
    ['{"name":"Ann","tags":["a"', "]"],
    ['{"name":"Ann","tags":["a"]', "}"],
    ['{"tags":["a"]', ""],
  ] as const) {
    expect(closer(person, text), text).toBe(end);
  }
});

test("where a schema names members, others are not written, unless it speaks of them", () => {
  const writes = (schema: object, text: string) => matcher(held(schema)).advance(Buffer.from(text));
  const named = { type: "object", properties: { a: { type: "integer" } } };
  expect(writes(named, '{"a":1}')).toBe(true);
  expect(writes(named, '{"b')).toBe(false);
  expect(writes({ allOf: [named, { properties: { b: { type: "integer" } } }] }, '{"b":1,"a":2}')).toBe(true);
  for (const spoken of [
    { ...named, additionalProperties: true },
    { ...named, additionalProperties: { type: "string" } },
    { ...named, patternProperties: { "^b": {} } },
    { ...named, propertyNames: { maxLength: 3 } },
    { ...named, minProperties: 2, required: ["a", "b"], properties: { a: { type: "integer" } } },
    { type: "object" },
  ]) {
    expect(writes(spoken, '{"b'), JSON.stringify(spoken)).toBe(true);
  }
});

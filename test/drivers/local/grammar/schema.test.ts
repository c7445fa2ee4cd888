import { describe, expect, test } from "vitest";
import { accepts, babble, ofSchema, refusal, validates } from "./constrained.ts";

interface SchemaCase {
  readonly schema: object | boolean;
  readonly values: readonly unknown[];
}

const person = {
  type: "object",
  properties: { name: { type: "string", minLength: 1 }, age: { type: "integer", minimum: 0, maximum: 150 } },
  required: ["name", "age"],
  additionalProperties: false,
};

/** Values of every type, in every case beside its own. */
const common = [
  null,
  true,
  0,
  -1,
  1.5,
  12,
  "",
  "a",
  "é😀",
  '"\\\n\u0001',
  [],
  [1],
  ["a", "a"],
  [null, {}],
  {},
  { a: 1 },
];

const cases: Readonly<Record<string, SchemaCase>> = {
  anything: { schema: true, values: [] },
  types: { schema: { type: ["string", "null", "integer"] }, values: [3.5, 1e3] },
  enum: {
    schema: { enum: ["red", "green", 1, null, [1], { a: 1 }] },
    values: ["re", "reds", "green", [1, 2], { a: 2 }],
  },
  const: {
    schema: { const: { a: [1, "x"], b: null } },
    values: [{ a: [1, "x"], b: null }, { b: null, a: [1, "x"] }, { a: [1] }],
  },
  "strings by length": {
    schema: { type: "string", minLength: 2, maxLength: 3 },
    values: ["ab", "abc", "abcd", "é😀", "😀"],
  },
  "strings without an end": {
    schema: { type: "string", minLength: 1, maxLength: 1e12 },
    values: ["", "a".repeat(3000)],
  },
  "strings by properties of characters": {
    schema: { type: "string", pattern: "^\\p{Nd}{2}\\p{P}?$|^\\p{Sc}$|^\\p{Co}$" },
    values: ["12", "٣٤", "3", "34!", "34a", "€", "e", "\u{10fffd}", "\u{fffff}", "\u{e1000}", "\u{5abcd}"],
  },
  "strings by pattern": {
    schema: { type: "string", pattern: "^[a-z]+(-[0-9]{2})?$" },
    values: ["abc-12", "abc-1", "ABC"],
  },
  "a pattern anywhere": { schema: { pattern: "b+" }, values: ["abc", "ac", "b"] },
  "a pattern that looks ahead": {
    schema: { type: "string", pattern: "^(?!no)(?=.*x).+$" },
    values: ["x", "nox", "yes x", "yes"],
  },
  "pattern and length": {
    schema: { type: "string", pattern: "^(ab)*$", minLength: 3, maxLength: 5 },
    values: ["abab", "ab", "ababab"],
  },
  ranges: {
    schema: { type: "number", minimum: -2.5, exclusiveMaximum: 10 },
    values: [-2.5, -2.51, 9.999, 10, 10.01, -0.5, 0.30000000000000004],
  },
  integers: {
    schema: { type: "integer", exclusiveMinimum: -3, maximum: 1000 },
    values: [-3, -2, 999, 1000, 1001],
  },
  multiples: {
    schema: { type: "number", multipleOf: 0.25, minimum: 0 },
    values: [0.25, 0.3, 2.5, 7.75, 7.7],
  },
  tuples: {
    schema: {
      type: "array",
      prefixItems: [{ type: "string" }, { type: "integer" }],
      items: false,
      minItems: 1,
    },
    values: [["a", 1], ["a"], [1, "a"], ["a", 1, 2]],
  },
  "items by count": {
    schema: { type: "array", items: { type: "integer" }, minItems: 2, maxItems: 3 },
    values: [
      [1, 2],
      [1, 2, 3],
      [1, 2, 3, 4],
      [1, "2"],
    ],
  },
  contains: {
    schema: {
      type: "array",
      items: { type: "integer" },
      contains: { minimum: 5 },
      minContains: 1,
      maxContains: 2,
    },
    values: [[5], [1, 5, 6], [5, 6, 7], [1, 2]],
  },
  "different items": {
    schema: { type: "array", items: { enum: ["a", "b", 1, 10] }, uniqueItems: true },
    values: [
      ["a", "b"],
      [1, 10],
      [1, 10, 1],
      ["b", "a", "b"],
      [10, 1, "a", "b"],
    ],
  },
  "different strings": {
    schema: { type: "array", items: { type: "string" }, uniqueItems: true, minItems: 2 },
    values: [
      ["a", "ab"],
      ["ab", "a", "abc"],
      ["a", "b", "a"],
      ["", ""],
    ],
  },
  objects: {
    schema: person,
    values: [
      { name: "Ann", age: 5 },
      { age: 5, name: "Ann" },
      { name: "Ann" },
      { name: "Ann", age: 5, x: 1 },
      { name: "", age: 5 },
      { name: "A", age: 151 },
    ],
  },
  "open objects": {
    schema: {
      type: "object",
      properties: { a: { type: "integer" } },
      additionalProperties: { type: "string" },
    },
    values: [{ a: 1, b: "x" }, { a: "1" }, { b: 1 }, { "": "x" }, { 'k"\\\n': "x" }],
  },
  "members by pattern": {
    schema: {
      type: "object",
      patternProperties: { "^x": { type: "integer" }, y$: { minimum: 5 } },
      additionalProperties: false,
    },
    values: [{ x: 1 }, { xy: 5 }, { xy: 4 }, { y: 6 }, { z: 1 }],
  },
  "member names": {
    schema: { type: "object", propertyNames: { pattern: "^[a-z]{2}$" } },
    values: [{ ab: 1 }, { abc: 1 }],
  },
  "members by count": {
    schema: { type: "object", minProperties: 1, maxProperties: 2 },
    values: [
      { a: 1, b: 2 },
      { a: 1, b: 2, c: 3 },
    ],
  },
  dependencies: {
    schema: {
      type: "object",
      dependentRequired: { a: ["b"] },
      dependentSchemas: { c: { properties: { d: { type: "string" } }, required: ["d"] } },
    },
    values: [{ a: 1, b: 2 }, { b: 1 }, { c: 1 }, { c: 1, d: "x" }, { c: 1, d: 1 }],
  },
  allOf: {
    schema: {
      allOf: [
        { properties: { a: { type: "integer" } }, required: ["a"] },
        { properties: { a: { minimum: 3 }, b: { type: "string" } } },
      ],
      type: "object",
    },
    values: [{ a: 3 }, { a: 2 }, { a: 4, b: "x" }, { a: 4, b: 1 }],
  },
  anyOf: {
    schema: {
      anyOf: [{ type: "string", maxLength: 2 }, { type: "integer" }, { type: "object", required: ["a"] }],
    },
    values: ["ab", "abc", { b: 1 }],
  },
  oneOf: {
    schema: {
      oneOf: [
        { type: "integer", minimum: 0 },
        { type: "number", maximum: 5 },
      ],
    },
    values: [3, 7, 7.5, -2, 4.5],
  },
  "oneOf by a member": {
    schema: {
      oneOf: [
        {
          type: "object",
          properties: { kind: { const: "a" }, x: { type: "integer" } },
          required: ["kind", "x"],
        },
        { type: "object", properties: { kind: { const: "b" } }, required: ["kind"] },
      ],
    },
    values: [{ kind: "a", x: 1 }, { x: 1, kind: "a" }, { kind: "a" }, { kind: "b", x: "s" }, { kind: "c" }],
  },
  not: { schema: { type: ["string", "integer"], not: { enum: ["a", 12] } }, values: ["ab", 13] },
  "not an object with": {
    schema: { type: "object", not: { required: ["a"] } },
    values: [{ b: 1 }, { a: 1, b: 1 }],
  },
  conditions: {
    schema: {
      type: "object",
      properties: { c: { enum: ["x", "y"] } },
      required: ["c"],
      if: { properties: { c: { const: "x" } } },
      then: { required: ["d"] },
      else: { properties: { e: { type: "integer" } } },
    },
    values: [{ c: "x", d: 1 }, { c: "x" }, { c: "y" }, { c: "y", e: "s" }, { e: 1, c: "y" }],
  },
  recursion: {
    schema: {
      $defs: {
        tree: {
          type: "object",
          properties: {
            value: { type: "integer" },
            children: { type: "array", items: { $ref: "#/$defs/tree" } },
          },
          required: ["value"],
          additionalProperties: false,
        },
      },
      $ref: "#/$defs/tree",
    },
    values: [
      { value: 1, children: [{ value: 2 }, { value: 3, children: [] }] },
      { value: 1, children: [{}] },
    ],
  },
  "unevaluated members": {
    schema: { allOf: [{ properties: { a: true } }], properties: { b: true }, unevaluatedProperties: false },
    values: [{ a: 1, b: 2 }, { c: 1 }],
  },
  date: { schema: { type: "string", format: "date" }, values: ["2024-02-29", "2023-02-29", "2023-13-01"] },
  uuid: {
    schema: { type: "string", format: "uuid" },
    values: ["123e4567-e89b-12d3-a456-426614174000", "123"],
  },
  nested: {
    schema: { type: "array", items: { type: "array", items: person, minItems: 1 } },
    values: [
      [[{ name: "A", age: 1 }]],
      [[]],
      [
        [
          { name: "A", age: 1 },
          { age: 2, name: "B" },
        ],
        [{ name: "C", age: 3 }],
      ],
    ],
  },
};

describe.each(Object.entries(cases))("%s", (_name, { schema, values }) => {
  test("accepts exactly the values that a validator accepts, with and without white space", () => {
    for (const value of [...common, ...values]) {
      const valid = validates(schema, value);
      for (const indent of [0, 2]) {
        const text = JSON.stringify(value, null, indent);
        expect(accepts(ofSchema(schema), text), text).toBe(valid);
      }
    }
  });

  test("whatever is drawn validates", () => {
    let ended = 0;
    for (let seed = 1; seed <= 6; seed += 1) {
      const text = babble(ofSchema(schema), seed);
      if (text === undefined) continue;
      ended += 1;
      expect(validates(schema, JSON.parse(text)), text).toBe(true);
    }
    expect(ended).toBeGreaterThan(0);
  });
});

test("in the schema's order where that is asked for, and in any order elsewhere", () => {
  const swapped = '{"age":1,"name":"A"}';
  expect(accepts(ofSchema(person, true), '{"name":"A","age":1}')).toBe(true);
  expect(accepts(ofSchema(person, true), swapped)).toBe(false);
  expect(accepts(ofSchema(person, false), swapped)).toBe(true);
});

test("lengths that several schemas say are all kept, however long", () => {
  const schema = {
    allOf: [
      { type: "string", minLength: 9500 },
      { minLength: 9600, maxLength: 1e12 },
    ],
  };
  for (const [length, valid] of [
    [9500, false],
    [9599, false],
    [9600, true],
    [9700, true],
  ] as const)
    expect(accepts(ofSchema(schema), JSON.stringify("a".repeat(length)))).toBe(valid);
});

test("no name comes twice where its schema has it", () => {
  expect(accepts(ofSchema({ type: "object", properties: { a: true } }), '{"a":1,"a":2}')).toBe(false);
});

const refused: readonly (readonly [schema: unknown, param: string, reason: RegExp])[] = [
  [{ type: "array", uniqueItems: true }, "schema.uniqueItems", /only strings, numbers/],
  [{ properties: { a: { $ref: "https://example.com/a.json" } } }, "schema.properties.a.$ref", /not fetched/],
  [{ properties: { a: { format: "iri" } } }, "schema.properties.a.format", /can be enforced/],
  [{ pattern: "(a)\\1" }, "schema.pattern", /back reference/],
  [{ items: { pattern: "a(?=b)" } }, "schema.items.pattern", /looks ahead/],
  [{ pattern: "(a" }, "schema.pattern", /lacks a '\)'/],
  [{ type: "text" }, "schema.type", /must be of null, boolean/],
  [{ anyOf: [{ minLength: -1 }] }, "schema.anyOf.0.minLength", /whole number/],
  [{ not: { additionalProperties: false } }, "schema.not.additionalProperties", /opposite/],
  [{ $dynamicRef: "#x" }, "schema.$dynamicRef", /depends on who refers/],
  [{ $ref: "#" }, "schema", /refers to itself/],
  [{ type: "integer", minimum: 3, maximum: 2 }, "schema", /no value matches it/],
  [{ type: "object", minProperties: 3 }, "schema.minProperties", /cannot be counted/],
  [[], "schema", /a schema is an object/],
];

test.each(refused)("%j is refused by name", (schema, param, reason) => {
  expect(refusal(ofSchema(schema))).toEqual({ param, message: expect.stringMatching(reason) });
});

const nest = (depth: number): object => (depth === 0 ? {} : { properties: { a: nest(depth - 1) } });
const wide = (count: number) =>
  Object.fromEntries([...Array(count).keys()].map((index) => [`name${index}`, { enum: [`${index}`] }]));
const doubling = (depth: number): object =>
  depth === 0
    ? { type: "integer" }
    : { allOf: [{ anyOf: [{ minimum: depth }, { maxLength: depth }] }, doubling(depth - 1)] };

const hostile: Readonly<Record<string, unknown>> = {
  "nested deeply": nest(500),
  "ways that multiply": doubling(40),
  "a pattern with too many states": { pattern: "^(a|b)*a(a|b){30}$" },
  "a pattern with too many copies": { pattern: "^((a{1000}){1000}){1000}$" },
  "a long word without a letter": { pattern: "(){999999999}" },
  "lengths beyond reason": { type: "string", pattern: "^a*$", minLength: 1e9 },
  "items beyond reason": { type: "array", minItems: 1e9 },
  "too many names": { properties: wide(200_000) },
  "a factor beyond reason": { multipleOf: 1.23456789012 },
  "a long list of words": {
    enum: Array.from({ length: 20_000 }, (_, index) => `word ${index ** 3} of many`),
  },
  "items of two kinds to be counted": {
    contains: { type: "integer" },
    minContains: 500,
    maxContains: 900,
    maxItems: 1000,
  },
  "patterns of names": {
    patternProperties: Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        `[${String.fromCharCode(97 + index)}-z]{3}`,
        { minLength: index },
      ]),
    ),
  },
  "properties of characters": {
    pattern: [..."LMNPSZC", "Lu", "Ll", "Lt"].map((name) => `\\p{${name}}`).join("+"),
  },
};

test.each(Object.entries(hostile))("%s: refused before it costs much", (_name, schema) => {
  expect(refusal(ofSchema(schema))).toBeDefined();
});

test("what is too complex says where, and what the limit is", () => {
  const { param, message } =
    refusal(ofSchema({ properties: { a: { pattern: "^(a|b)*a(a|b){30}$" } } })) ?? {};
  expect(param).toBe("schema.properties.a.pattern");
  expect(message).toMatch(/'pattern' at 'properties.a.pattern'.* more than 700,000 steps of work/);
  expect(refusal(ofSchema({ enum: ["a".repeat(600_000)] }))?.message).toMatch(/more than 500,000 characters/);
});

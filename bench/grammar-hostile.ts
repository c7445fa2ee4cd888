import type { Constraint } from "../src/core/generation.ts";

const schema = (schema: unknown): Constraint => ({
  type: "json_schema",
  param: "schema",
  schema,
  ordered: false,
});
const regex = (pattern: string): Constraint => ({ type: "regex", param: "regex", pattern });
const grammar = (...rules: string[]): Constraint => ({
  type: "grammar",
  param: "grammar",
  grammar: rules.join("\n"),
});

const list = <T>(length: number, item: (index: number) => T): T[] =>
  Array.from({ length }, (_, index) => item(index));
const named = (length: number, item: (index: number) => unknown, name = "name") =>
  Object.fromEntries(list(length, (index) => [`${name}${index}`, item(index)]));
const letter = (index: number): string => String.fromCharCode(97 + (index % 26));
const words = (count: number, length: number): string[] =>
  list(count, (word) => list(length, (at) => letter(word * 7 + at * 3 + word * at)).join("") + word);
const nested = (depth: number, around: (inside: unknown) => unknown, innermost: unknown = {}): unknown =>
  depth === 0 ? innermost : around(nested(depth - 1, around, innermost));
const isOne = (name: string) => ({ properties: { [name]: { const: 1 } }, required: [name] });

/** Constraints that are made to take long: by depth, size, recursion, and what multiplies. */
export const hostile: Readonly<Record<string, Constraint>> = {
  "500 schemas deep": schema(nested(500, (inside) => ({ properties: { a: inside } }))),
  "60 arrays deep, 999 items each": schema(nested(60, (items) => ({ type: "array", minItems: 999, items }))),
  "1,000 arrays of 1,000": schema({ properties: named(1000, () => ({ type: "array", minItems: 1000 })) }),
  "200,000 names": schema({ properties: named(200_000, (index) => ({ enum: [`${index}`] })) }),
  "5,000 names": schema({ properties: named(5000, (index) => ({ enum: [`${index}`] })) }),
  "2,000 required": schema({ type: "object", required: words(2000, 5) }),
  "20,000 words": schema({ enum: words(20_000, 10) }),
  "none of 2,000 words": schema({ type: "string", not: { enum: words(2000, 10) } }),
  "500 objects": schema({ enum: list(500, (a) => ({ a, b: [a] })) }),
  "300 arrays": schema({ enum: list(300, (a) => list(60, (b) => a * b)) }),
  "an object of 5,000": schema({ const: named(5000, (index) => ({ index })) }),
  "ways that double 40 times": schema(
    nested(40, (rest) => ({ allOf: [{ anyOf: [{ minimum: 1 }, { maxLength: 1 }] }, rest] })),
  ),
  "nine names that want another": schema({ dependentRequired: named(9, (at) => [`b${at}`]) }),
  "any of 510 patterns": schema({ anyOf: list(510, (at) => ({ pattern: `^x${at}[a-f]+$` })) }),
  "any of 500 objects": schema({ anyOf: list(500, (at) => isOne(`p${at}`)) }),
  "one of 40 objects": schema({ oneOf: list(40, (at) => ({ properties: { kind: { const: at } } })) }),
  "references in a row": schema({
    $defs: named(3001, (at) => ({ $ref: `#/$defs/d${at + 1}` }), "d"),
    $ref: "#/$defs/d0",
  }),
  "a reference of 50,000 parts": schema({ $ref: `#/${"a/".repeat(50_000)}` }),
  "20 patterns of names": schema({
    patternProperties: Object.fromEntries(list(20, (at) => [`[${letter(at)}-z]{3}`, { minLength: at }])),
  }),
  "900 of 1,000 items counted": schema({
    contains: { type: "integer" },
    minContains: 500,
    maxContains: 900,
    maxItems: 1000,
  }),
  "multiples of 99,991": schema({ type: "integer", multipleOf: 99_991 }),
  "multiples of three primes": schema({ allOf: [97, 89, 83].map((multipleOf) => ({ multipleOf })) }),
  "five formats, one of them": schema({
    oneOf: ["uuid", "email", "uri", "ipv4", "ipv6"].map((format) => ({ format })),
  }),
  "an address of 254 characters": schema({ format: "email", maxLength: 254 }),
  "ten patterns at once": schema({
    allOf: list(10, (at) => ({ pattern: `${letter(at)}.*${letter(at + 3)}` })),
  }),
  "properties of characters": schema({
    pattern: [..."LMNPSZC", "Lu", "Ll"].map((name) => `\\p{${name}}`).join("+"),
  }),
  "two properties of characters": schema({ pattern: "^\\p{Lu}\\p{N}+$" }),
  "/[ab]*a[ab]{30}/": regex("[ab]*a[ab]{30}"),
  "/((a{1000}){1000}){1000}/": regex("((a{1000}){1000}){1000}"),
  "/(a|aa|aaa){1,400}/": regex("(a|aa|aaa){1,400}"),
  "/(a{0,50}b{0,50}){0,50}/": regex("(a{0,50}b{0,50}){0,50}"),
  "/(a?){200}a{200}/": regex("(a?){200}a{200}"),
  "/(a+)+/": regex("(a+)+"),
  "100,000 letters": regex("a".repeat(100_000)),
  "20,000 classes": regex("[abc]?".repeat(20_000)),
  "an alternation of 30,000": regex(words(30_000, 6).join("|")),
  "200,000 alternatives of nothing": regex("|".repeat(200_000)),
  "a class of 200,000": regex(`[${"ab".repeat(100_000)}]`),
  "a class of 50,000 properties": regex(`[${"\\p{L}".repeat(50_000)}]`),
  "a name of 400,000": schema({ properties: { ["a".repeat(400_000)]: true } }),
  "30,000 choices": { type: "choice", param: "choice", choices: words(30_000, 8) },
  "a literal of 400,000": grammar(`root ::= "${"ab".repeat(200_000)}"`),
  "20,000 alternatives": grammar(
    `root ::= ${words(20_000, 6)
      .map((word) => `"${word}"`)
      .join(" | ")}`,
  ),
  "3,000 rules in a row": grammar(
    "root ::= r0",
    ...list(3000, (at) => `r${at} ::= "a" r${(at + 1) % 3000} | "b"`),
  ),
  "8,000 recursive rules": grammar(
    `root ::= ${list(8000, (at) => `r${at}`).join(" | ")}`,
    ...list(8000, (at) => `r${at} ::= "x" r${at} "y" | "z"`),
  ),
  "rules that double 60 times": grammar(
    "root ::= r0",
    ...list(60, (at) => `r${at} ::= r${at + 1} "x" r${at + 1}`),
    'r60 ::= "y"',
  ),
  "a million repetitions of a rule": grammar("root ::= a{0,1000000}", 'a ::= "x" a "y" | "z"'),
};

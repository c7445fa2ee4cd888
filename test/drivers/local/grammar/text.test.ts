import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accepts, babble, ofGrammar, ofRegex, refusal } from "./constrained.ts";

const patterns = [
  "[a-c]+",
  "a|b|",
  "(ab){2,3}c?",
  "\\d{3}-\\d{4}",
  "[^a]*",
  "\\w+@\\w+\\.(com|org)",
  "^ab$",
  ".*",
  "a.c",
  "[\\w-]+",
  "\\u0061\\x62",
  "(?:a|(?<n>b))*",
  "a{0}",
  "[^]",
  "\\p{Lu}\\p{Ll}*",
  "(?!b)[a-c]{2}",
  "[a\\]]+",
  "é+|日本",
];

describe.each(patterns)("/%s/", (pattern) => {
  const expression = new RegExp(`^(?:${pattern})$`, "u");

  test("accepts what RegExp does", () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(..."abcAB-@.]1é日本\n 😀") }),
      fc.constantFrom("abab", "ababc", "123-4567", "a@b.com", "ab", "Abc", "日本"),
    );
    fc.assert(
      fc.property(text, (word) => accepts(ofRegex(pattern), word) === expression.test(word)),
      { seed: 7 },
    );
  });

  test("what is drawn matches", () => {
    for (let seed = 1; seed < 10; seed += 1) {
      const text = babble(ofRegex(pattern), seed, 60);
      if (text !== undefined) expect(text).toMatch(expression);
    }
  });
});

const arithmetic = `
# sums of products
root ::= term (("+" | "-") term)*
term ::= factor ([*/] factor)*
factor ::= number | "(" root ")"
number ::= [0-9]{1,3}
`;

test("a grammar with recursion", () => {
  for (const text of ["1", "1+2*3", "(1+2)*(3-4)", "((((7))))", "100/2"]) {
    expect(accepts(ofGrammar(arithmetic), text), text).toBe(true);
  }
  for (const text of ["", "1+", "(1", "1)", "1000", "a", "()", "1 + 2"]) {
    expect(accepts(ofGrammar(arithmetic), text), text).toBe(false);
  }
});

test("what is drawn from a grammar can be computed", () => {
  const ended = [...Array(30).keys()].flatMap((seed) => babble(ofGrammar(arithmetic), seed + 1, 80) ?? []);
  expect(ended.length).toBeGreaterThan(5);
  for (const text of ended) expect(text).toMatch(/^[-+*/()\d]+$/);
});

test.each([
  ['root ::= "é" . [^a-z] "\\x41\\u00e9\\n"', "é😀ZAé\n", true],
  ['root ::= a{2} b{1,} c{,2}\na ::= "a"\nb ::= "b"\nc ::= "c"', "aabbcc", true],
  ['root ::= a{2} b{1,} c{,2}\na ::= "a"\nb ::= "b"\nc ::= "c"', "aacc", false],
  ['root ::= "a" root | ""', "aaaa", true],
  ['root ::= x root y | "-"\nx ::= "(" | "["\ny ::= ")" | "]"', "([-])", true],
  ['root ::= x root y | "-"\nx ::= "(" | "["\ny ::= ")" | "]"', "([-)", false],
])("%s: %s", (grammar, text, accepted) => {
  expect(accepts(ofGrammar(grammar), text)).toBe(accepted);
});

function rulesInARow(count: number): string {
  const rules = Array.from({ length: count }, (_, at) => `r${at} ::= "a" r${(at + 1) % count} | "b"`);
  return ["root ::= r0", ...rules].join("\n");
}

test.each([
  ['start ::= "a"', /no rule 'root'/],
  ["root ::= other", /no rule 'other'/],
  ['root ::= root "a" | "b"', /'root' begins with itself/],
  ['root ::= x\nx ::= y? x "a" | "b"\ny ::= "c"', /'x' begins with itself/],
  ['root ::= "a" root', /'root' never ends/],
  ['root ::= "a', /is missing \(line 1/],
  ['root ::= "a"\nroot ::= "b"', /there twice \(line 2/],
  ['root ::= ("a"', /'\)' is missing/],
  ['root := "a"', /'::=' is expected/],
  [`root ::= (("a"{1000}){1000}){1000}`, /too complex/],
  [`root ::= "${"ab".repeat(200_000)}"`, /too complex/],
  [`root ::= [${"ab".repeat(200_000)}]`, /too complex/],
  [`root ::= ${"|".repeat(400_000)}`, /too complex/],
  [rulesInARow(3000), /more than 500 deep/],
  ["root ::= [z-a]", /out of order/],
])("%j is refused with the reason", (grammar, reason) => {
  expect(refusal(ofGrammar(grammar))).toEqual({ param: "grammar", message: expect.stringMatching(reason) });
});

test.each([
  "|".repeat(400_000),
  `[${"ab".repeat(200_000)}]`,
  `[${"a-z".repeat(100_000)}]`,
  `[${"\\p{L}".repeat(50_000)}]`,
  "(?=a)".repeat(50_000),
])("a regular expression that goes on and on is refused", (pattern) => {
  expect(refusal(ofRegex(pattern))).toEqual({
    param: "regex",
    message: expect.stringMatching(/too complex/),
  });
});

test("one of a list", () => {
  const choice = { type: "choice", param: "choice", choices: ["yes", "no", "not sure", "日本"] } as const;
  for (const text of choice.choices) expect(accepts(choice, text)).toBe(true);
  for (const text of ["", "n", "not", "yes ", "日"]) expect(accepts(choice, text)).toBe(false);
  for (let seed = 1; seed < 10; seed += 1) expect(choice.choices).toContain(babble(choice, seed));
});

import { Automaton, automatonOfWords } from "../automaton.ts";
import { type Budget, Unenforceable } from "../budget.ts";
import { constant } from "../constant.ts";
import { FORMAT_NAMES, formatAutomaton } from "../formats.ts";
import { bounded, multiples } from "../number-automata.ts";
import { patternAutomaton } from "../pattern-automaton.ts";
import { below, type SchemaObject } from "./source.ts";

export const anyString = constant((budget) => patternAutomaton("", "somewhere", budget));

/** Strings of at least and at most so many characters. Throws TooComplex. */
function lengths(least: number, most: number, budget: Budget): Automaton {
  const last = most === Number.POSITIVE_INFINITY ? least : most;
  return Automaton.explore<number>(
    {
      start: 0,
      borders: [0, 0xd800, 0xe000],
      key: (length) => length,
      step: (length) => (length < last ? length + 1 : most === Number.POSITIVE_INFINITY ? length : undefined),
      label: (length) => (length >= least ? 1 : 0),
    },
    budget,
  );
}

/** A number that counts something. Throws Unenforceable. */
export function countAt(schema: SchemaObject, keyword: string, path: string): number {
  const value = schema[keyword];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Unenforceable(below(path, keyword), "it must be a whole number that is not negative");
}

function numberAt(schema: SchemaObject, keyword: string, path: string): number {
  const value = schema[keyword];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new Unenforceable(below(path, keyword), "it must be a number");
}

export function stringAt(schema: SchemaObject, keyword: string, path: string): string {
  const value = schema[keyword];
  if (typeof value === "string" && value.isWellFormed()) return value;
  throw new Unenforceable(below(path, keyword), "it must be a string");
}

type Keyword = (schema: SchemaObject, path: string, budget: Budget) => Automaton | undefined;

/** Says which strings match a keyword; undefined: all. */
export const STRING_KEYWORDS: Readonly<Record<string, Keyword>> = {
  minLength: (schema, path, budget) =>
    lengths(countAt(schema, "minLength", path), Number.POSITIVE_INFINITY, budget),
  maxLength: (schema, path, budget) => lengths(0, countAt(schema, "maxLength", path), budget),
  pattern: (schema, path, budget) => patternAutomaton(stringAt(schema, "pattern", path), "somewhere", budget),
  format: (schema, path) => {
    const name = stringAt(schema, "format", path);
    const automaton = formatAutomaton(name);
    if (automaton !== undefined) return automaton;
    const known = FORMAT_NAMES.join(", ");
    throw new Unenforceable(below(path, "format"), `the format '${name.slice(0, 64)}' is none of ${known}`);
  },
};

/** Until draft 4, `exclusiveMinimum` was a flag of `minimum`. */
const flagged = (schema: SchemaObject, keyword: string) => schema[keyword] === true;
const isFlag = (schema: SchemaObject, keyword: string) => typeof schema[keyword] === "boolean";

/** Says which numbers match a keyword; undefined: all. */
export const NUMBER_KEYWORDS: Readonly<Record<string, Keyword>> = {
  minimum: (schema, path, budget) =>
    bounded({ value: numberAt(schema, "minimum", path), exclusive: flagged(schema, "exclusiveMinimum") }, 1, budget),
  maximum: (schema, path, budget) =>
    bounded({ value: numberAt(schema, "maximum", path), exclusive: flagged(schema, "exclusiveMaximum") }, -1, budget),
  exclusiveMinimum: (schema, path, budget) =>
    isFlag(schema, "exclusiveMinimum")
      ? undefined
      : bounded({ value: numberAt(schema, "exclusiveMinimum", path), exclusive: true }, 1, budget),
  exclusiveMaximum: (schema, path, budget) =>
    isFlag(schema, "exclusiveMaximum")
      ? undefined
      : bounded({ value: numberAt(schema, "exclusiveMaximum", path), exclusive: true }, -1, budget),
  multipleOf: (schema, path, budget) => {
    const of = numberAt(schema, "multipleOf", path);
    if (of <= 0) throw new Unenforceable(below(path, "multipleOf"), "it must be more than 0");
    return multiples(of, budget);
  },
};

/** The texts of numbers as JSON.stringify writes them. */
export const numberTexts = (values: readonly number[], budget: Budget): Automaton =>
  automatonOfWords(
    values.map((value) => JSON.stringify(Object.is(value, -0) ? 0 : value)),
    budget,
  );

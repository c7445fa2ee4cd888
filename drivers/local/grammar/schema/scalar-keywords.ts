import { Automaton } from "../automaton.ts";
import { type Budget, Unenforceable } from "../budget.ts";
import { FORMAT_NAMES, formatAutomaton } from "../formats.ts";
import { bounded, multiples } from "../number-automata.ts";
import { patternAutomaton } from "../pattern-automaton.ts";
import { automatonOfWords } from "../word-list.ts";
import { below, type SchemaObject } from "./source.ts";

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

/** Formats that JSON Schema defines and that no regular expression says. All others mean nothing to it. */
const HARD_FORMATS = ["idn-email", "idn-hostname", "iri", "iri-reference", "regex", "uri-template"];

export type Keyword = (schema: SchemaObject, path: string, budget: Budget) => Automaton | undefined;

/** Says which strings match a keyword; undefined: all. */
export const STRING_KEYWORDS: Readonly<Record<string, Keyword>> = {
  minLength: (schema, path) => {
    // Both bounds at once where there are two, which is said here.
    const most = Object.hasOwn(schema, "maxLength")
      ? countAt(schema, "maxLength", path)
      : Number.POSITIVE_INFINITY;
    return Automaton.counting({ least: countAt(schema, "minLength", path), most });
  },
  maxLength: (schema, path) => {
    const most = countAt(schema, "maxLength", path);
    return Object.hasOwn(schema, "minLength") ? undefined : Automaton.counting({ least: 0, most });
  },
  pattern: (schema, path, budget) => patternAutomaton(stringAt(schema, "pattern", path), "somewhere", budget),
  format: (schema, path) => {
    const name = stringAt(schema, "format", path);
    const automaton = formatAutomaton(name);
    if (automaton !== undefined || !HARD_FORMATS.includes(name)) return automaton;
    throw new Unenforceable(
      below(path, "format"),
      `of the standard's formats, ${FORMAT_NAMES.join(", ")} can be enforced`,
    );
  },
};

/** Until draft 4, `exclusiveMinimum` was a flag of `minimum`. */
const flagged = (schema: SchemaObject, keyword: string) => schema[keyword] === true;
const isFlag = (schema: SchemaObject, keyword: string) => typeof schema[keyword] === "boolean";

/** Says which numbers match a keyword; undefined: all. */
export const NUMBER_KEYWORDS: Readonly<Record<string, Keyword>> = {
  minimum: (schema, path, budget) =>
    bounded(
      { value: numberAt(schema, "minimum", path), exclusive: flagged(schema, "exclusiveMinimum") },
      1,
      budget,
    ),
  maximum: (schema, path, budget) =>
    bounded(
      { value: numberAt(schema, "maximum", path), exclusive: flagged(schema, "exclusiveMaximum") },
      -1,
      budget,
    ),
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

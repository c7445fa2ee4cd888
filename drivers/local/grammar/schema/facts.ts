import type { Automaton } from "../automaton.ts";
import { type Budget, Unenforceable } from "../budget.ts";
import type { Literal } from "./source.ts";

/** Types of values, as bits. */
export const NULL = 1;
export const TRUE = 2;
export const FALSE = 4;
export const NUMBER = 8;
export const STRING = 16;
export const ARRAY = 32;
export const OBJECT = 64;
export const EVERY_TYPE = 127;

/** What a value must match, all of it at once. */
export type Conjunction = readonly Literal[];

export interface PatternRule {
  /** The regular expression, which tells it from others. */
  readonly source: string;
  readonly keys: Automaton;
  readonly must: Conjunction;
}

/** What one schema says of members: by name, by pattern, and of all the others. */
export interface KeyRule {
  readonly names: ReadonlyMap<string, Conjunction>;
  readonly patterns: readonly PatternRule[];
  readonly rest: Conjunction;
}

export interface ObjectFacts {
  readonly rules: readonly KeyRule[];
  readonly required: readonly string[];
  readonly least: number;
  readonly most: number;
  /** Keys that are allowed; undefined: all. */
  readonly keys: Automaton | undefined;
  /** Members that a schema has said something of, for `unevaluatedProperties`. */
  readonly evaluated: { readonly all: boolean; readonly rules: readonly KeyRule[] };
}

/** What one schema says of items: of the first ones, and of all others. */
export interface ItemRule {
  readonly first: readonly Conjunction[];
  readonly rest: Conjunction;
}

export interface Contained {
  readonly must: Literal;
  readonly least: number;
  readonly most: number;
  /** Of the keyword. */
  readonly path: string;
}

export interface ArrayFacts {
  readonly rules: readonly ItemRule[];
  readonly least: number;
  readonly most: number;
  /** Path of the `uniqueItems` that wants no two items equal. */
  readonly distinct: string | undefined;
  readonly contained: Contained | undefined;
  /** How many of the first items a schema has said something of, for `unevaluatedItems`. */
  readonly evaluated: number;
}

/** One way to match a schema: what is said of a value of each type that it may have. */
export interface Facts {
  readonly types: number;
  /** undefined: all strings. */
  readonly strings: Automaton | undefined;
  /** undefined: all numbers. */
  readonly numbers: Automaton | undefined;
  readonly array: ArrayFacts;
  readonly object: ObjectFacts;
}

const ENDLESS = Number.POSITIVE_INFINITY;

export const ANYTHING: Facts = {
  types: EVERY_TYPE,
  strings: undefined,
  numbers: undefined,
  array: { rules: [], least: 0, most: ENDLESS, distinct: undefined, contained: undefined, evaluated: 0 },
  object: {
    rules: [],
    required: [],
    least: 0,
    most: ENDLESS,
    keys: undefined,
    evaluated: { all: false, rules: [] },
  },
};

export const ofTypes = (types: number): Facts => ({ ...ANYTHING, types });
/** Of all types, but strings are of these. */
export const ofStrings = (strings: Automaton, types = EVERY_TYPE): Facts => ({ ...ANYTHING, types, strings });
export const ofNumbers = (numbers: Automaton, types = EVERY_TYPE): Facts => ({ ...ANYTHING, types, numbers });
export const ofArrays = (array: Partial<ArrayFacts>, types = EVERY_TYPE): Facts => ({
  ...ANYTHING,
  types,
  array: { ...ANYTHING.array, ...array },
});
export const ofObjects = (object: Partial<ObjectFacts>, types = EVERY_TYPE): Facts => ({
  ...ANYTHING,
  types,
  object: { ...ANYTHING.object, ...object },
});

/** What both say; undefined where no value can be so. Throws Unenforceable, TooComplex. */
export function both(a: Facts, b: Facts, budget: Budget): Facts | undefined {
  budget.spend(100);
  if (a === ANYTHING) return b;
  if (b === ANYTHING) return a;
  return reduced({
    types: a.types & b.types,
    strings: and(a.strings, b.strings, budget),
    numbers: and(a.numbers, b.numbers, budget),
    array: bothArrays(a.array, b.array),
    object: bothObjects(a.object, b.object, budget),
  });
}

function and(a: Automaton | undefined, b: Automaton | undefined, budget: Budget): Automaton | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : a.and(b, budget);
}

function bothArrays(a: ArrayFacts, b: ArrayFacts): ArrayFacts {
  if (a.contained !== undefined && b.contained !== undefined) {
    throw new Unenforceable(
      b.contained.path,
      `it cannot be counted together with the one at '${a.contained.path}'`,
    );
  }
  return {
    rules: [...a.rules, ...b.rules],
    least: Math.max(a.least, b.least),
    most: Math.min(a.most, b.most),
    distinct: a.distinct ?? b.distinct,
    contained: a.contained ?? b.contained,
    evaluated: Math.max(a.evaluated, b.evaluated),
  };
}

function bothObjects(a: ObjectFacts, b: ObjectFacts, budget: Budget): ObjectFacts {
  return {
    rules: [...a.rules, ...b.rules],
    required: [...new Set([...a.required, ...b.required])],
    least: Math.max(a.least, b.least),
    most: Math.min(a.most, b.most),
    keys: and(a.keys, b.keys, budget),
    evaluated: {
      all: a.evaluated.all || b.evaluated.all,
      rules: [...a.evaluated.rules, ...b.evaluated.rules],
    },
  };
}

/** Without the types that nothing is left of. */
function reduced(facts: Facts): Facts | undefined {
  const { strings, numbers, array, object } = facts;
  let { types } = facts;
  if (strings?.empty) types &= ~STRING;
  if (numbers?.empty) types &= ~NUMBER;
  if (array.least > array.most) types &= ~ARRAY;
  if (Math.max(object.least, object.required.length) > object.most) types &= ~OBJECT;
  return types === 0 ? undefined : { ...facts, types };
}

/** What is said of the member with this name. */
export function memberMust({ rules }: ObjectFacts, name: string): Conjunction {
  return rules.flatMap(({ names, patterns, rest }) => {
    const said = names.get(name);
    const matched = patterns.filter(({ keys }) => keys.accepts(name)).flatMap(({ must }) => must);
    if (said !== undefined) return [...said, ...matched];
    return patterns.some(({ keys }) => keys.accepts(name)) ? matched : rest;
  });
}

/** What is said of the item in this place. */
export const itemMust = ({ rules }: ArrayFacts, index: number): Conjunction =>
  rules.flatMap(({ first, rest }) => first[index] ?? rest);

import type { Automaton } from "../automaton.ts";
import { type Budget, Unenforceable } from "../budget.ts";
import { patternAutomaton } from "../pattern-automaton.ts";
import { anyString } from "../text-control.ts";
import { has, NOT_NEGATED, type Scope, under } from "./array-keywords.ts";
import {
  type Conjunction,
  type Facts,
  type KeyRule,
  OBJECT,
  ofObjects,
  type PatternRule,
  STRING,
} from "./facts.ts";
import { countAt } from "./scalar-keywords.ts";
import { below, isObject, type Literal, type SchemaObject } from "./source.ts";

/** The schemas that a keyword holds by name. Throws Unenforceable. */
export function namedUnder(scope: Scope, keyword: string): readonly (readonly [string, Literal])[] {
  const value = scope.schema[keyword];
  if (!isObject(value))
    throw new Unenforceable(below(scope.path, keyword), "it must be an object of schemas");
  return Object.entries(value).map(([name, schema]) => [name, under(scope, schema, keyword, name)]);
}

export function namesAt(value: unknown, path: string): readonly string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value;
  throw new Unenforceable(path, "it must be a list of strings");
}

export const requiredAt = ({ schema, path }: Scope): readonly string[] =>
  has(schema, "required") ? namesAt(schema["required"], below(path, "required")) : [];

/** Kept for the time of one compilation: patterns come again with every object that has them. */
export type PatternCache = Map<string, Automaton>;

export function keyPattern(source: string, path: string, patterns: PatternCache, budget: Budget): Automaton {
  let automaton = patterns.get(source);
  if (automaton === undefined) {
    automaton = located(path, () => patternAutomaton(source, "somewhere", budget));
    patterns.set(source, automaton);
  }
  return automaton;
}

/** Says where, when something cannot be enforced. */
export function located<T>(path: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof Unenforceable && error.path === "") throw new Unenforceable(path, error.message);
    throw error;
  }
}

/** What `properties`, `patternProperties` and `additionalProperties` say. */
export function keyRule(scope: Scope, patterns: PatternCache, budget: Budget): KeyRule | undefined {
  const { schema, path } = scope;
  const known = ["properties", "patternProperties", "additionalProperties"].some((keyword) =>
    has(schema, keyword),
  );
  if (!known) return undefined;
  const names = has(schema, "properties") ? namedUnder(scope, "properties") : [];
  const rules = has(schema, "patternProperties") ? namedUnder(scope, "patternProperties") : [];
  const rest = has(schema, "additionalProperties")
    ? [under(scope, schema["additionalProperties"], "additionalProperties")]
    : [];
  return {
    names: new Map(names.map(([name, literal]) => [name, [literal]])),
    patterns: rules.map(([source, literal]): PatternRule => {
      const keys = keyPattern(source, below(path, "patternProperties", source), patterns, budget);
      return { source, keys, must: [literal] };
    }),
    rest,
  };
}

/** What the keywords for objects say of one, but for `propertyNames` and what depends on what is there. */
export function objectFacts(scope: Scope, patterns: PatternCache, budget: Budget): Facts {
  const { schema, path } = scope;
  const rule = keyRule(scope, patterns, budget);
  const rules = rule === undefined ? [] : [rule];
  return ofObjects({
    rules,
    required: requiredAt(scope),
    least: has(schema, "minProperties") ? countAt(schema, "minProperties", path) : 0,
    most: has(schema, "maxProperties") ? countAt(schema, "maxProperties", path) : Number.POSITIVE_INFINITY,
    evaluated: { all: has(schema, "additionalProperties"), rules },
  });
}

const onlyNamed = (name: string, must: Conjunction): KeyRule => ({
  names: new Map([[name, must]]),
  patterns: [],
  rest: [],
});

/** Objects with a member that matches. */
export const withMember = (name: string, must: Conjunction = []): Facts =>
  ofObjects({ rules: [onlyNamed(name, must)], required: [name] }, OBJECT);

/** Objects without a member. */
export const withoutMember = (name: string, never: Literal): Facts =>
  ofObjects({ rules: [onlyNamed(name, [never])] }, OBJECT);

/** The ways in which an object can break what the keywords say. Throws Unenforceable. */
export function brokenObjects(scope: Scope, never: Literal): Facts[] {
  const { schema, path, source } = scope;
  const broken: Facts[] = [];
  if (has(schema, "properties")) {
    for (const [name, literal] of namedUnder(scope, "properties")) {
      if (literal.schema !== true) broken.push(withMember(name, [source.literal(literal, true)]));
    }
  }
  for (const name of requiredAt(scope)) broken.push(withoutMember(name, never));
  for (const keyword of ["patternProperties", "additionalProperties", "propertyNames"]) {
    if (has(schema, keyword) && !allowsAll(schema, keyword)) {
      throw new Unenforceable(below(path, keyword), NOT_NEGATED);
    }
  }
  if (has(schema, "minProperties") && countAt(schema, "minProperties", path) > 0) {
    broken.push(ofObjects({ most: countAt(schema, "minProperties", path) - 1 }, OBJECT));
  }
  if (has(schema, "maxProperties")) {
    broken.push(ofObjects({ least: countAt(schema, "maxProperties", path) + 1 }, OBJECT));
  }
  return broken;
}

function allowsAll(schema: SchemaObject, keyword: string): boolean {
  const value = schema[keyword];
  return value === true || (isObject(value) && Object.keys(value).length === 0);
}

/** What must hold where a member is there. */
export function dependents(
  scope: Scope,
  keyword: string,
): (readonly [name: string, must: Conjunction, required: readonly string[]])[] {
  const path = below(scope.path, keyword);
  const value = scope.schema[keyword];
  if (!isObject(value)) throw new Unenforceable(path, "it must be an object");
  return Object.entries(value).map(([name, wanted]) =>
    keyword === "dependentRequired" || Array.isArray(wanted)
      ? [name, [], namesAt(wanted, below(path, name))]
      : [name, [under(scope, wanted, keyword, name)], []],
  );
}

/** Objects whose members' names match one of the ways in which a string may be. */
export function namedLike(ways: readonly Facts[], budget: Budget): Facts {
  const strings = ways
    .filter(({ types }) => (types & STRING) !== 0)
    .map(({ strings }) => strings ?? anyString());
  const [first, ...rest] = strings;
  if (first === undefined) return ofObjects({ most: 0 });
  return ofObjects({ keys: rest.reduce((all, keys) => all.or(keys, budget), first) });
}

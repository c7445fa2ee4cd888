import { Unenforceable } from "../budget.ts";
import { has, type Scope, under } from "./array-keywords.ts";
import { ANYTHING, type Facts } from "./facts.ts";

/** Whether it matters to a schema which members and items its parts have said something of. */
export const evaluates = ({ schema }: Scope): boolean =>
  has(schema, "unevaluatedProperties") || has(schema, "unevaluatedItems");

/** What a `not` says counts as said of no member and no item. */
export const unevaluated = (facts: Facts): Facts => ({
  ...facts,
  array: { ...facts.array, evaluated: 0 },
  object: { ...facts.object, evaluated: ANYTHING.object.evaluated },
});

/** The facts, with what is said of members that no part has said anything of. */
export function withUnevaluatedMembers(scope: Scope, facts: Facts): Facts {
  const { object } = facts;
  if (object.evaluated.all) return facts;
  const rest = under(scope, scope.schema["unevaluatedProperties"], "unevaluatedProperties");
  const known = object.evaluated.rules;
  const rule = {
    names: new Map(known.flatMap(({ names }) => [...names.keys()].map((name) => [name, []] as const))),
    patterns: known.flatMap(({ patterns }) => patterns.map((pattern) => ({ ...pattern, must: [] }))),
    rest: [rest],
  };
  return {
    ...facts,
    object: { ...object, rules: [...object.rules, rule], evaluated: { all: true, rules: [] } },
  };
}

/** The facts, with what is said of items that no part has said anything of. Throws Unenforceable. */
export function withUnevaluatedItems(scope: Scope, facts: Facts): Facts {
  const { array } = facts;
  if (array.evaluated === Number.POSITIVE_INFINITY) return facts;
  const rest = under(scope, scope.schema["unevaluatedItems"], "unevaluatedItems");
  if (array.contained !== undefined && rest.schema !== true) {
    throw new Unenforceable(rest.path, `it cannot be enforced beside the '${array.contained.path}'`);
  }
  const first = Array.from({ length: array.evaluated }, () => []);
  const rules = [...array.rules, { first, rest: [rest] }];
  return { ...facts, array: { ...array, rules, evaluated: Number.POSITIVE_INFINITY } };
}

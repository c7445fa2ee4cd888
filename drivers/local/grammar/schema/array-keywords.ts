import { Unenforceable } from "../budget.ts";
import { ARRAY, type Contained, type Facts, type ItemRule, ofArrays } from "./facts.ts";
import { countAt } from "./scalar-keywords.ts";
import { below, isSchema, type Literal, type SchemaObject, type SchemaSource } from "./source.ts";

/** A schema with its path, for what stands under its keywords. */
export interface Scope {
  readonly schema: SchemaObject;
  readonly path: string;
  readonly source: SchemaSource;
}

/** The schema under a keyword. Throws Unenforceable. */
export function under(
  { path, source }: Scope,
  value: unknown,
  ...keys: readonly (string | number)[]
): Literal {
  const place = below(path, ...keys);
  if (!isSchema(value)) throw new Unenforceable(place, "it must be a schema: an object, true or false");
  return source.literal({ schema: value, path: place });
}

export function listUnder(scope: Scope, keyword: string): readonly Literal[] {
  const list = scope.schema[keyword];
  if (!Array.isArray(list))
    throw new Unenforceable(below(scope.path, keyword), "it must be a list of schemas");
  return list.map((item, index) => under(scope, item, keyword, index));
}

export const has = (schema: SchemaObject, keyword: string): boolean => Object.hasOwn(schema, keyword);

/** What `prefixItems`, `items` and `additionalItems` say; before 2020 a list of `items` was what `prefixItems` is. */
export function itemRule(scope: Scope): ItemRule | undefined {
  const { schema } = scope;
  const listed = has(schema, "prefixItems")
    ? "prefixItems"
    : Array.isArray(schema["items"])
      ? "items"
      : undefined;
  const first = listed === undefined ? [] : listUnder(scope, listed).map((literal) => [literal]);
  const others = listed === "items" ? "additionalItems" : "items";
  if (!has(schema, others)) return first.length === 0 ? undefined : { first, rest: [] };
  return { first, rest: [under(scope, schema[others], others)] };
}

export function contained(scope: Scope): Contained | undefined {
  const { schema, path } = scope;
  if (!has(schema, "contains")) return undefined;
  const least = has(schema, "minContains") ? countAt(schema, "minContains", path) : 1;
  const most = has(schema, "maxContains") ? countAt(schema, "maxContains", path) : Number.POSITIVE_INFINITY;
  return { must: under(scope, schema["contains"], "contains"), least, most, path: below(path, "contains") };
}

/** What the keywords for arrays say of an array. */
export function arrayFacts(scope: Scope): Facts {
  const { schema, path } = scope;
  const rule = itemRule(scope);
  const all =
    rule !== undefined &&
    has(schema, rule.first.length > 0 && !has(schema, "prefixItems") ? "additionalItems" : "items");
  const distinct = schema["uniqueItems"];
  if (distinct !== undefined && typeof distinct !== "boolean") {
    throw new Unenforceable(below(path, "uniqueItems"), "it must be true or false");
  }
  return ofArrays({
    rules: rule === undefined ? [] : [rule],
    least: has(schema, "minItems") ? countAt(schema, "minItems", path) : 0,
    most: has(schema, "maxItems") ? countAt(schema, "maxItems", path) : Number.POSITIVE_INFINITY,
    distinct: distinct === true ? below(path, "uniqueItems") : undefined,
    contained: contained(scope),
    evaluated: all ? Number.POSITIVE_INFINITY : (rule?.first.length ?? 0),
  });
}

/** The ways in which an array can break what the keywords say. Throws Unenforceable. */
export function brokenArrays(scope: Scope): Facts[] {
  const { schema, path, source } = scope;
  const array = (facts: Parameters<typeof ofArrays>[0]) => ofArrays(facts, ARRAY);
  const broken: Facts[] = [];
  const rule = itemRule(scope);
  if (rule !== undefined) {
    for (const [index, must] of rule.first.entries()) {
      const first = Array.from({ length: index + 1 }, (_, at) => (at === index ? negated(source, must) : []));
      broken.push(array({ rules: [{ first, rest: [] }], least: index + 1 }));
    }
    broken.push(...brokenRest(scope, rule));
  }
  if (has(schema, "minItems")) broken.push(array({ most: countAt(schema, "minItems", path) - 1 }));
  if (has(schema, "maxItems")) broken.push(array({ least: countAt(schema, "maxItems", path) + 1 }));
  if (schema["uniqueItems"] === true) throw new Unenforceable(below(path, "uniqueItems"), NOT_NEGATED);
  const counted = contained(scope);
  if (counted !== undefined) {
    if (counted.least > 0)
      broken.push(array({ contained: { ...counted, least: 0, most: counted.least - 1 } }));
    if (counted.most < Number.POSITIVE_INFINITY) {
      broken.push(
        array({ contained: { ...counted, least: counted.most + 1, most: Number.POSITIVE_INFINITY } }),
      );
    }
  }
  return broken.filter(({ array: { least, most } }) => least <= most && most >= 0);
}

export const NOT_NEGATED = "its opposite, which a 'not', 'oneOf' or 'if' asks for, cannot be enforced";

export const negated = (source: SchemaSource, must: readonly Literal[]): Literal[] =>
  must.map((literal) => source.literal(literal, !literal.negative));

/** One of the items behind the first ones breaks their rule. */
function brokenRest({ path, source }: Scope, { first, rest }: ItemRule): Facts[] {
  const [must] = rest;
  if (must === undefined || must.schema === true) return [];
  if (must.schema === false) return [ofArrays({ least: first.length + 1 }, ARRAY)];
  if (first.length > 0) throw new Unenforceable(below(path, "items"), NOT_NEGATED);
  const literal = source.literal(must, true);
  const counted: Contained = { must: literal, least: 1, most: Number.POSITIVE_INFINITY, path: must.path };
  return [ofArrays({ contained: counted }, ARRAY)];
}

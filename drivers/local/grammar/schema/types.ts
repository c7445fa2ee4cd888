import { type Budget, Unenforceable } from "../budget.ts";
import { decimals, integers, integerValues } from "../number-automata.ts";
import type { Scope } from "./array-keywords.ts";
import {
  ARRAY,
  EVERY_TYPE,
  FALSE,
  type Facts,
  NULL,
  NUMBER,
  OBJECT,
  ofNumbers,
  ofTypes,
  STRING,
  TRUE,
} from "./facts.ts";
import { below, type SchemaObject } from "./source.ts";

const TYPES: Readonly<Record<string, number>> = {
  null: NULL,
  boolean: TRUE | FALSE,
  integer: NUMBER,
  number: NUMBER,
  string: STRING,
  array: ARRAY,
  object: OBJECT,
};

/** Values of the types that a schema names. Throws Unenforceable. */
export function namedTypes({ schema, path }: Scope): Facts {
  const names = typesAt(schema, path);
  const types = names.reduce((all, name) => all | (TYPES[name] ?? 0), 0);
  const whole = names.includes("integer") && !names.includes("number");
  return whole ? ofNumbers(integers(), types) : ofTypes(types);
}

/** Values of all other types. Throws Unenforceable. */
export function otherTypes({ schema, path }: Scope, budget: Budget): readonly Facts[] {
  const names = typesAt(schema, path);
  const types = EVERY_TYPE & ~names.reduce((all, name) => all | (TYPES[name] ?? 0), 0);
  const fractions = ofNumbers(decimals().without(integerValues(), budget), NUMBER);
  const whole = names.includes("integer") && !names.includes("number");
  return [...(types === 0 ? [] : [ofTypes(types)]), ...(whole ? [fractions] : [])];
}

function typesAt(schema: SchemaObject, path: string): readonly string[] {
  const names: unknown[] = [schema["type"]].flat();
  if (names.every((name) => typeof name === "string" && Object.hasOwn(TYPES, name))) return names as string[];
  throw new Unenforceable(below(path, "type"), `it must be of ${Object.keys(TYPES).join(", ")}`);
}

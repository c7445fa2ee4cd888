import type { Automaton } from "../automaton.ts";
import { type Budget, Unenforceable } from "../budget.ts";
import { decimals, textsOf } from "../number-automata.ts";
import { anyString } from "../text-control.ts";
import { automatonOfWords } from "../word-list.ts";
import type { Scope } from "./array-keywords.ts";
import { EVERY_TYPE, FALSE, type Facts, NULL, NUMBER, ofTypes, STRING, TRUE } from "./facts.ts";
import { numberTexts } from "./scalar-keywords.ts";
import { below, type Schema } from "./source.ts";

/** The values of an `enum`, by what kind of matter they are. */
interface Sorted {
  readonly strings: readonly string[];
  readonly numbers: readonly number[];
  /** `null`, `true` and `false`, as types. */
  readonly types: number;
  /** Lists and objects, with their place in the enum. */
  readonly composite: readonly (readonly [index: number, value: object])[];
}

export function sorted(values: readonly unknown[]): Sorted {
  let types = 0;
  for (const value of values) {
    if (value === null) types |= NULL;
    if (value === true) types |= TRUE;
    if (value === false) types |= FALSE;
  }
  return {
    strings: values.filter((value) => typeof value === "string").filter((value) => value.isWellFormed()),
    numbers: values.filter((value) => typeof value === "number"),
    types,
    composite: values.flatMap((value, index) =>
      typeof value === "object" && value !== null ? [[index, value] as const] : [],
    ),
  };
}

/** One of the values that are no lists or objects; undefined where there are none. */
export function scalarFacts({ strings, numbers, types }: Sorted, budget: Budget): Facts | undefined {
  const all = types | (strings.length > 0 ? STRING : 0) | (numbers.length > 0 ? NUMBER : 0);
  if (all === 0) return undefined;
  return {
    ...ofTypes(all),
    strings: strings.length > 0 ? automatonOfWords(strings, budget) : undefined,
    numbers: numbers.length > 0 ? numberTexts(numbers, budget) : undefined,
  };
}

/** None of the values; what lists and objects among them forbid is said elsewhere. */
export function otherScalars({ strings, numbers, types }: Sorted, budget: Budget): Facts {
  return {
    ...ofTypes(EVERY_TYPE & ~types),
    strings: strings.length > 0 ? anyString().without(automatonOfWords(strings, budget), budget) : undefined,
    numbers:
      numbers.length > 0
        ? numbers.reduce<Automaton>((rest, value) => rest.without(textsOf(value, budget), budget), decimals())
        : undefined,
  };
}

/** A schema that a list or an object alone matches. */
export function schemaOf(value: unknown): Schema {
  if (Array.isArray(value)) {
    const { length } = value;
    return { type: "array", prefixItems: value.map(schemaOf), minItems: length, maxItems: length };
  }
  if (typeof value !== "object" || value === null) return { const: value };
  return {
    type: "object",
    properties: Object.fromEntries(Object.entries(value).map(([name, member]) => [name, schemaOf(member)])),
    required: Object.keys(value),
    additionalProperties: false,
  };
}

/** The values of an `enum`. Throws Unenforceable. */
export function valuesAt({ schema, path }: Scope): readonly unknown[] {
  const values = schema["enum"];
  if (!Array.isArray(values)) throw new Unenforceable(below(path, "enum"), "it must be a list of values");
  return values;
}

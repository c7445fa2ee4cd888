import { type Budget, TooComplex, Unenforceable } from "../budget.ts";
import { decimals, integers, integerValues } from "../number-automata.ts";
import { anyString } from "../text-control.ts";
import {
  arrayFacts,
  brokenArrays,
  has,
  listUnder,
  NOT_NEGATED,
  type Scope,
  under,
} from "./array-keywords.ts";
import { otherScalars, scalarFacts, schemaOf, sorted } from "./constant-schema.ts";
import {
  ANYTHING,
  ARRAY,
  both,
  type Conjunction,
  EVERY_TYPE,
  FALSE,
  type Facts,
  itemMust,
  memberMust,
  NULL,
  NUMBER,
  OBJECT,
  ofNumbers,
  ofObjects,
  ofStrings,
  ofTypes,
  STRING,
  TRUE,
} from "./facts.ts";
import {
  brokenObjects,
  located,
  namesAt,
  objectFacts,
  type PatternCache,
  withMember,
  withoutMember,
} from "./object-keywords.ts";
import { NUMBER_KEYWORDS, STRING_KEYWORDS } from "./scalar-keywords.ts";
import { below, isObject, type Literal, type SchemaObject, type SchemaSource } from "./source.ts";

const TYPES: Readonly<Record<string, number>> = {
  null: NULL,
  boolean: TRUE | FALSE,
  integer: NUMBER,
  number: NUMBER,
  string: STRING,
  array: ARRAY,
  object: OBJECT,
};

/** Keywords that say something of a value and that no automaton here can follow. */
const REFUSED: Readonly<Record<string, string>> = {
  $dynamicRef: "what it means depends on who refers to it",
  $recursiveRef: "what it means depends on who refers to it",
};

/** Ways to match one schema that are followed; more are refused. */
const MOST_WAYS = 512;
/** References that lead to references. */
const DEEPEST = 64;

type Ways = readonly Facts[];
const NO_WAY: Ways = [];
const ANY_WAY: Ways = [ANYTHING];

/**
 * Takes schemas apart into the ways to match them: in each way everything that is said holds at once, and there is no
 * choice left but for members and items, which are matched on their own.
 */
export class SchemaLogic {
  readonly #source: SchemaSource;
  readonly #budget: Budget;
  readonly #patterns: PatternCache = new Map();
  readonly #ways = new Map<string, Ways>();
  readonly #synthetic = new Map<string, Literal>();
  readonly #never: Literal;
  #depth = 0;

  constructor(source: SchemaSource, budget: Budget) {
    this.#source = source;
    this.#budget = budget;
    this.#never = source.literal({ schema: false, path: "" });
  }

  /** The ways to match all of the literals. Throws Unenforceable, TooComplex. */
  ways(conjunction: Conjunction): Ways {
    let ways: Ways = ANY_WAY;
    for (const literal of conjunction) ways = this.#all(literal.path, ways, () => this.#waysOf(literal));
    return ways;
  }

  #waysOf(literal: Literal): Ways {
    const { schema, negative, id, path } = literal;
    if (typeof schema === "boolean") return schema === negative ? NO_WAY : ANY_WAY;
    let ways = this.#ways.get(id);
    if (ways === undefined) {
      if (this.#depth >= DEEPEST) throw new Unenforceable(path, "it refers to itself without end");
      this.#depth += 1;
      const scope: Scope = { schema, path, source: this.#source };
      ways = negative ? this.#broken(scope) : this.#matched(scope);
      this.#depth -= 1;
      this.#ways.set(id, ways);
    }
    return ways;
  }

  #matched(scope: Scope): Ways {
    const { schema, path, source } = scope;
    this.#refuse(scope);
    if (has(schema, "$ref") && source.refStandsAlone) return this.#referred(scope, false);
    let ways: Ways = ANY_WAY;
    const also = (keyword: string, next: () => Ways) => {
      if (has(schema, keyword)) ways = this.#all(below(path, keyword), ways, next);
    };
    also("type", () => [this.#types(scope)]);
    also("const", () => this.#oneOfValues(scope, "const", [schema["const"]]));
    also("enum", () => this.#oneOfValues(scope, "enum", valuesAt(scope)));
    for (const [keyword, automaton] of Object.entries(STRING_KEYWORDS)) {
      also(keyword, () => {
        const strings = located(below(path, keyword), () => automaton(schema, path, this.#budget));
        return strings === undefined ? ANY_WAY : [ofStrings(strings)];
      });
    }
    for (const [keyword, automaton] of Object.entries(NUMBER_KEYWORDS)) {
      also(keyword, () => {
        const numbers = located(below(path, keyword), () => automaton(schema, path, this.#budget));
        return numbers === undefined ? ANY_WAY : [ofNumbers(numbers)];
      });
    }
    ways = this.#all(path, ways, () => [arrayFacts(scope)]);
    ways = this.#all(path, ways, () => [objectFacts(scope, this.#patterns, this.#budget)]);
    also("propertyNames", () => this.#keys(scope));
    also("$ref", () => this.#referred(scope, false));
    also("allOf", () => this.ways(listUnder(scope, "allOf")));
    also("anyOf", () => this.#either(scope));
    also("oneOf", () => this.#exactlyOne(scope));
    also("not", () => this.ways([source.literal(under(scope, schema["not"], "not"), true)]).map(unevaluated));
    also("if", () => this.#conditional(scope, false));
    also("dependentRequired", () => this.#dependent(scope, "dependentRequired"));
    also("dependentSchemas", () => this.#dependent(scope, "dependentSchemas"));
    also("dependencies", () => this.#dependent(scope, "dependencies"));
    if (has(schema, "unevaluatedProperties"))
      ways = ways.map((facts) => this.#unevaluatedMembers(scope, facts));
    if (has(schema, "unevaluatedItems")) ways = ways.map((facts) => this.#unevaluatedItems(scope, facts));
    return ways;
  }

  /** The ways to match anything but the schema. */
  #broken(scope: Scope): Ways {
    const { schema, path, source } = scope;
    this.#refuse(scope);
    if (has(schema, "$ref") && source.refStandsAlone) return this.#referred(scope, true);
    const ways: Facts[] = [];
    const or = (keyword: string, next: () => Ways) => {
      if (has(schema, keyword)) ways.push(...next());
    };
    or("type", () => this.#otherTypes(scope));
    or("const", () => this.#otherValues(scope, "const", [schema["const"]]));
    or("enum", () => this.#otherValues(scope, "enum", valuesAt(scope)));
    for (const [keyword, automaton] of Object.entries(STRING_KEYWORDS)) {
      or(keyword, () => {
        const strings = located(below(path, keyword), () => automaton(schema, path, this.#budget));
        if (strings === undefined) return NO_WAY;
        const others = anyString().without(strings, this.#budget);
        return others.empty ? NO_WAY : [ofStrings(others, STRING)];
      });
    }
    for (const [keyword, automaton] of Object.entries(NUMBER_KEYWORDS)) {
      or(keyword, () => {
        const numbers = located(below(path, keyword), () => automaton(schema, path, this.#budget));
        if (numbers === undefined) return NO_WAY;
        const others = decimals().without(numbers, this.#budget);
        return others.empty ? NO_WAY : [ofNumbers(others, NUMBER)];
      });
    }
    ways.push(...brokenArrays(scope), ...brokenObjects(scope, this.#never));
    or("$ref", () => this.#referred(scope, true));
    or("allOf", () =>
      listUnder(scope, "allOf").flatMap((part) => [...this.ways([source.literal(part, true)])]),
    );
    or("anyOf", () => this.ways(listUnder(scope, "anyOf").map((part) => source.literal(part, true))));
    or("oneOf", () => this.#noneOrTwo(scope));
    or("not", () => this.ways([under(scope, schema["not"], "not")]));
    or("if", () => this.#conditional(scope, true));
    for (const keyword of ["dependentRequired", "dependentSchemas", "dependencies"]) {
      or(keyword, () => this.#brokenDependent(scope, keyword));
    }
    for (const keyword of ["unevaluatedItems", "unevaluatedProperties"]) {
      if (has(schema, keyword)) throw new Unenforceable(below(path, keyword), NOT_NEGATED);
    }
    return this.#limited(path, ways);
  }

  #refuse({ schema, path }: Scope): void {
    for (const [keyword, reason] of Object.entries(REFUSED)) {
      if (has(schema, keyword)) throw new Unenforceable(below(path, keyword), reason);
    }
  }

  /** Ways to match what two things say: each of the one with each of the other. */
  #all(path: string, ways: Ways, next: () => Ways): Ways {
    if (ways.length === 0) return ways;
    try {
      const more = next();
      if (more === ANY_WAY) return ways;
      if (ways === ANY_WAY) return more;
      this.#limited(path, { length: ways.length * more.length });
      return ways.flatMap((a) => more.flatMap((b) => both(a, b, this.#budget) ?? []));
    } catch (error) {
      if (error instanceof TooComplex) throw new Unenforceable(path, error.message);
      throw error;
    }
  }

  #limited<T extends { readonly length: number }>(path: string, ways: T): T {
    this.#budget.spend(ways.length * 10);
    if (ways.length <= MOST_WAYS) return ways;
    throw new Unenforceable(path, `there are more than ${MOST_WAYS} ways to match it`);
  }

  #either(scope: Scope): Ways {
    const options = listUnder(scope, "anyOf");
    const one = options.flatMap((option) => [...this.ways([option])]);
    // Which of them match makes no difference, unless what they say of members and items counts as said.
    const two = evaluates(scope)
      ? options.flatMap((a, index) => options.slice(index + 1).flatMap((b) => [...this.ways([a, b])]))
      : [];
    return this.#limited(below(scope.path, "anyOf"), [...one, ...two]);
  }

  #types({ schema, path }: Scope): Facts {
    const names = typesAt(schema, path);
    const types = names.reduce((all, name) => all | (TYPES[name] ?? 0), 0);
    const whole = names.includes("integer") && !names.includes("number");
    return whole ? ofNumbers(integers(), types) : ofTypes(types);
  }

  #otherTypes({ schema, path }: Scope): Ways {
    const names = typesAt(schema, path);
    const types = EVERY_TYPE & ~names.reduce((all, name) => all | (TYPES[name] ?? 0), 0);
    const fractions = ofNumbers(decimals().without(integerValues(), this.#budget), NUMBER);
    const whole = names.includes("integer") && !names.includes("number");
    return [...(types === 0 ? [] : [ofTypes(types)]), ...(whole ? [fractions] : [])];
  }

  #oneOfValues(scope: Scope, keyword: string, values: readonly unknown[]): Ways {
    const parts = sorted(values);
    const scalars = scalarFacts(parts, this.#budget);
    const composite = parts.composite.flatMap((value) => [
      ...this.ways([this.#valueLiteral(scope, keyword, value)]),
    ]);
    return this.#limited(below(scope.path, keyword), [
      ...(scalars === undefined ? [] : [scalars]),
      ...composite,
    ]);
  }

  #otherValues(scope: Scope, keyword: string, values: readonly unknown[]): Ways {
    const parts = sorted(values);
    const literals = parts.composite.map((value) =>
      this.#source.literal(this.#valueLiteral(scope, keyword, value), true),
    );
    return this.#all(scope.path, [otherScalars(parts, this.#budget)], () => this.ways(literals));
  }

  #valueLiteral(scope: Scope, keyword: string, [index, value]: readonly [number, object]): Literal {
    const key = JSON.stringify(value);
    this.#budget.spend(key.length);
    let literal = this.#synthetic.get(key);
    if (literal === undefined) {
      const path = keyword === "enum" ? below(scope.path, keyword, index) : below(scope.path, keyword);
      literal = this.#source.literal({ schema: schemaOf(value), path });
      this.#synthetic.set(key, literal);
    }
    return literal;
  }

  #referred({ schema, path, source }: Scope, negative: boolean): Ways {
    const target = source.resolve({ schema, path }, schema["$ref"]);
    return this.#waysOf(source.literal(target, negative));
  }

  /** One matches and the others do not; those that cannot match together need not be told apart. */
  #exactlyOne(scope: Scope): Ways {
    const path = below(scope.path, "oneOf");
    const options = listUnder(scope, "oneOf");
    const ways = options.map((option) => this.ways([option]));
    const chosen = options.flatMap((option, index) => {
      const others = options.filter(
        (_, at) => at !== index && !this.#apart(ways[index] ?? [], ways[at] ?? []),
      );
      return [...this.ways([option, ...others.map((other) => this.#source.literal(other, true))])];
    });
    return this.#limited(path, chosen);
  }

  #noneOrTwo(scope: Scope): Ways {
    const options = listUnder(scope, "oneOf");
    const none = this.ways(options.map((option) => this.#source.literal(option, true)));
    const two = options.flatMap((a, index) =>
      options.slice(index + 1).flatMap((b) => [...this.ways([a, b])]),
    );
    return [...none, ...two];
  }

  /** Whether no value can match both, as far as it can be seen. */
  #apart(some: Ways, others: Ways): boolean {
    return some.every((a) =>
      others.every((b) => {
        const common = both(a, b, this.#budget);
        return common === undefined || this.impossible(common, 3);
      }),
    );
  }

  /** Whether a value of these facts cannot be, as its required members and items show. `depth`: how far to look. */
  impossible(facts: Facts, depth: number): boolean {
    const { types, object, array } = facts;
    if (depth === 0 || (types & ~(OBJECT | ARRAY)) !== 0) return false;
    const dead = (must: Conjunction) => this.ways(must).every((way) => this.impossible(way, depth - 1));
    const noObject = (types & OBJECT) === 0 || object.required.some((name) => dead(memberMust(object, name)));
    if (!noObject) return false;
    const first = Array.from({ length: Math.min(array.least, 8) }, (_, index) => itemMust(array, index));
    return (types & ARRAY) === 0 || first.some(dead);
  }

  #conditional(scope: Scope, negative: boolean): Ways {
    const { schema, path, source } = scope;
    if (!has(schema, "then") && !has(schema, "else") && (negative || !evaluates(scope))) {
      return negative ? NO_WAY : ANY_WAY;
    }
    const condition = under(scope, schema["if"], "if");
    const branch = (keyword: "then" | "else") => {
      const literal = under(scope, has(schema, keyword) ? schema[keyword] : true, keyword);
      return negative ? source.literal(literal, true) : literal;
    };
    const met = this.ways([condition, branch("then")]);
    const unmet = this.ways([source.literal(condition, true), branch("else")]);
    return this.#limited(below(path, "if"), [...met, ...unmet]);
  }

  /** What must hold where a member is there. */
  #dependents(
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

  #dependent(scope: Scope, keyword: string): Ways {
    const path = below(scope.path, keyword);
    let ways: Ways = ANY_WAY;
    for (const [name, must, required] of this.#dependents(scope, keyword)) {
      const absent = withoutMember(name, this.#never);
      const present = this.#all(path, [withMember(name)], () => [ofObjects({ required })]);
      const matched = this.#all(path, present, () => this.ways(must));
      ways = this.#all(path, ways, () => [ofTypes(EVERY_TYPE & ~OBJECT), absent, ...matched]);
    }
    return ways;
  }

  #brokenDependent(scope: Scope, keyword: string): Ways {
    return this.#dependents(scope, keyword).flatMap(([name, must, required]) => {
      const broken = [
        ...required.map((other) => withoutMember(other, this.#never)),
        ...must.flatMap((literal) => [...this.ways([this.#source.literal(literal, true)])]),
      ];
      return [...this.#all(scope.path, [withMember(name)], () => broken)];
    });
  }

  #keys(scope: Scope): Ways {
    const names = this.ways([under(scope, scope.schema["propertyNames"], "propertyNames")]);
    const strings = names
      .filter(({ types }) => (types & STRING) !== 0)
      .map(({ strings }) => strings ?? anyString());
    const [first, ...rest] = strings;
    if (first === undefined) return [ofObjects({ most: 0 })];
    return [ofObjects({ keys: rest.reduce((all, keys) => all.or(keys, this.#budget), first) })];
  }

  #unevaluatedMembers(scope: Scope, facts: Facts): Facts {
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

  #unevaluatedItems(scope: Scope, facts: Facts): Facts {
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
}

/** Whether it matters to a schema which members and items its parts have said something of. */
const evaluates = ({ schema }: Scope): boolean =>
  has(schema, "unevaluatedProperties") || has(schema, "unevaluatedItems");

/** What a `not` says counts as said of no member and no item. */
const unevaluated = (facts: Facts): Facts => ({
  ...facts,
  array: { ...facts.array, evaluated: 0 },
  object: { ...facts.object, evaluated: ANYTHING.object.evaluated },
});

function valuesAt({ schema, path }: Scope): readonly unknown[] {
  const values = schema["enum"];
  if (!Array.isArray(values)) throw new Unenforceable(below(path, "enum"), "it must be a list of values");
  return values;
}

function typesAt(schema: SchemaObject, path: string): readonly string[] {
  const names: unknown[] = [schema["type"]].flat();
  if (names.every((name) => typeof name === "string" && Object.hasOwn(TYPES, name))) return names as string[];
  throw new Unenforceable(below(path, "type"), `it must be of ${Object.keys(TYPES).join(", ")}`);
}

import { at, type Budget, Unenforceable } from "../budget.ts";
import {
  arrayFacts,
  brokenArrays,
  has,
  listUnder,
  NOT_NEGATED,
  type Scope,
  under,
} from "./array-keywords.ts";
import { otherScalars, scalarFacts, schemaOf, sorted, valuesAt } from "./constant-schema.ts";
import {
  ANYTHING,
  both,
  type Conjunction,
  EVERY_TYPE,
  type Facts,
  OBJECT,
  ofObjects,
  ofTypes,
} from "./facts.ts";
import { impossible } from "./impossible.ts";
import {
  brokenObjects,
  dependents,
  namedLike,
  objectFacts,
  type PatternCache,
  withMember,
  withoutMember,
} from "./object-keywords.ts";
import { SCALAR_KEYWORDS } from "./scalar-facts.ts";
import { below, type Literal, type SchemaSource } from "./source.ts";
import { namedTypes, otherTypes } from "./types.ts";
import { evaluates, unevaluated, withUnevaluatedItems, withUnevaluatedMembers } from "./unevaluated.ts";

/** Keywords whose meaning depends on who refers to them. */
const REFUSED: readonly string[] = ["$dynamicRef", "$recursiveRef"];

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
    also("type", () => [namedTypes(scope)]);
    also("const", () => this.#oneOfValues(scope, "const", [schema["const"]]));
    also("enum", () => this.#oneOfValues(scope, "enum", valuesAt(scope)));
    for (const { keyword, matched } of SCALAR_KEYWORDS) also(keyword, () => matched(scope, this.#budget));
    ways = this.#all(path, ways, () => [arrayFacts(scope)]);
    ways = this.#all(path, ways, () => [objectFacts(scope, this.#patterns, this.#budget)]);
    also("propertyNames", () => [
      namedLike(this.ways([under(scope, schema["propertyNames"], "propertyNames")]), this.#budget),
    ]);
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
      ways = ways.map((facts) => withUnevaluatedMembers(scope, facts));
    if (has(schema, "unevaluatedItems")) ways = ways.map((facts) => withUnevaluatedItems(scope, facts));
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
    or("type", () => otherTypes(scope, this.#budget));
    or("const", () => this.#otherValues(scope, "const", [schema["const"]]));
    or("enum", () => this.#otherValues(scope, "enum", valuesAt(scope)));
    for (const { keyword, broken } of SCALAR_KEYWORDS) or(keyword, () => broken(scope, this.#budget));
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
    const refused = REFUSED.find((keyword) => has(schema, keyword));
    if (refused === undefined) return;
    throw new Unenforceable(below(path, refused), "what it means depends on who refers to it");
  }

  /** Ways to match what two things say: each of the one with each of the other. */
  #all(path: string, ways: Ways, next: () => Ways): Ways {
    if (ways.length === 0) return ways;
    return at(path, () => {
      const more = next();
      if (more === ANY_WAY) return ways;
      if (ways === ANY_WAY) return more;
      this.#limited(path, { length: ways.length * more.length });
      return ways.flatMap((a) => more.flatMap((b) => both(a, b, this.#budget) ?? []));
    });
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
        return common === undefined || impossible(common, 3, (must) => this.ways(must));
      }),
    );
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

  #dependent(scope: Scope, keyword: string): Ways {
    const path = below(scope.path, keyword);
    let ways: Ways = ANY_WAY;
    for (const [name, must, required] of dependents(scope, keyword)) {
      const absent = withoutMember(name, this.#never);
      const present = this.#all(path, [withMember(name)], () => [ofObjects({ required })]);
      const matched = this.#all(path, present, () => this.ways(must));
      ways = this.#all(path, ways, () => [ofTypes(EVERY_TYPE & ~OBJECT), absent, ...matched]);
    }
    return ways;
  }

  #brokenDependent(scope: Scope, keyword: string): Ways {
    return dependents(scope, keyword).flatMap(([name, must, required]) => {
      const broken = [
        ...required.map((other) => withoutMember(other, this.#never)),
        ...must.flatMap((literal) => [...this.ways([this.#source.literal(literal, true)])]),
      ];
      return [...this.#all(scope.path, [withMember(name)], () => broken)];
    });
  }
}

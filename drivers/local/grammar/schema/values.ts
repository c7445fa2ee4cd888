import { ArrayShape, type ItemValues } from "../array-control.ts";
import { at, type Budget, Unenforceable } from "../budget.ts";
import { constant } from "../constant.ts";
import { Kept } from "../kept.ts";
import { anyNumber, canonicalNumbers, integers } from "../number-automata.ts";
import { anyString, freeString, TextLanguage } from "../text-control.ts";
import { Value } from "../value.ts";
import { automatonOfWords } from "../word-list.ts";
import {
  ARRAY,
  type ArrayFacts,
  type Conjunction,
  FALSE,
  type Facts,
  itemMust,
  NULL,
  NUMBER,
  OBJECT,
  STRING,
  TRUE,
} from "./facts.ts";
import { impossible } from "./impossible.ts";
import { SchemaLogic } from "./logic.ts";
import { type ObjectDraft, objectDraft, objectShape } from "./object-draft.ts";
import { isObject, type Literal, type Schema, SchemaSource } from "./source.ts";

/** An array whose items' values are not known yet. */
interface ArrayDraft {
  readonly first: readonly ItemValues[];
  readonly rest: ItemValues;
  readonly facts: ArrayFacts;
}

/** What a value may be, as far as it is known without looking at members and items. */
interface Draft {
  readonly value: Value;
  readonly strings: TextLanguage | undefined;
  readonly bare: TextLanguage | undefined;
  readonly arrays: readonly ArrayDraft[];
  readonly objects: readonly ObjectDraft[];
}

/** A bound for what is looked at item by item. */
const MOST_ITEMS = 1000;

const text = (word: string) => constant((budget) => automatonOfWords([word], budget));
const LITERALS = [
  [NULL, text("null")],
  [TRUE, text("true")],
  [FALSE, text("false")],
] as const;

/** Those without quotes that many schemas have, which share what is known of their tokens. */
const bareLanguages = new Kept<TextLanguage>(100);

export interface SchemaOptions {
  /** Members come in the order in which the schema names them. */
  readonly ordered: boolean;
  /** Members may come that the schema does not name, where it names others and says nothing of the rest. */
  readonly open?: boolean;
}

/** The values that match a schema. Throws Unenforceable, TooComplex. */
export function schemaValue(schema: Schema, options: SchemaOptions, budget: Budget): Value {
  return new SchemaValues(schema, options, budget).root();
}

class SchemaValues {
  readonly #source: SchemaSource;
  readonly #logic: SchemaLogic;
  readonly #ordered: boolean;
  readonly #open: boolean;
  readonly #budget: Budget;
  readonly #values = new Map<string, Value>();
  readonly #pending: (() => void)[] = [];
  readonly #drafts: Draft[] = [];

  constructor(schema: Schema, { ordered, open = false }: SchemaOptions, budget: Budget) {
    this.#source = new SchemaSource(schema, budget);
    this.#logic = new SchemaLogic(this.#source, budget);
    this.#ordered = ordered;
    this.#open = open;
    this.#budget = budget;
  }

  root(): Value {
    const root = this.#value([this.#source.literal(this.#source.root)]);
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) next();
    this.#settle();
    if (root === undefined || root.empty) throw new Unenforceable("", "no value matches it");
    return root;
  }

  /** The value that matches all of it; undefined where it is clear that none does. */
  #value(conjunction: Conjunction, distinct?: string): Value | undefined {
    const literals = new Map<string, Literal>();
    for (const literal of conjunction) {
      if (saysNothing(literal)) continue;
      if (literal.schema === literal.negative) return undefined;
      literals.set(literal.id, literal);
    }
    const key = `${[...literals.keys()].sort().join()}${distinct === undefined ? "" : " distinct"}`;
    let value = this.#values.get(key);
    if (value === undefined) {
      const made = new Value();
      this.#budget.spend(200);
      this.#values.set(key, made);
      const all = [...literals.values()];
      this.#pending.push(() => at(all[0]?.path ?? "", () => this.#draft(made, all, distinct)));
      value = made;
    }
    return value;
  }

  #draft(value: Value, conjunction: Conjunction, distinct: string | undefined): void {
    const matching = (must: Conjunction) => this.#logic.ways(must);
    const ways = matching(conjunction).filter((facts) => !impossible(facts, 2, matching));
    const arrays = ways.filter(({ types }) => (types & ARRAY) !== 0);
    const objects = ways.filter(({ types }) => (types & OBJECT) !== 0);
    if (distinct !== undefined && arrays.length + objects.length > 0) {
      throw new Unenforceable(
        distinct,
        "only strings, numbers, booleans and null can be kept from coming twice",
      );
    }
    const strings = this.#strings(ways);
    const bare = this.#bare(ways, distinct !== undefined);
    value.parts = { strings, bare, arrays: [], objects: [] };
    this.#drafts.push({
      value,
      strings,
      bare,
      arrays: arrays.map(({ array }) => this.#array(array)),
      objects: objects.map(({ object }) =>
        objectDraft(object, (must) => this.#value(must), this.#open, this.#budget),
      ),
    });
  }

  #strings(ways: readonly Facts[]): TextLanguage | undefined {
    const [first, ...rest] = ways.filter(({ types }) => (types & STRING) !== 0);
    if (first === undefined) return undefined;
    if ([first, ...rest].some(({ strings }) => strings === undefined)) {
      return freeString();
    }
    const all = rest.reduce(
      (sum, { strings }) => sum.or(strings ?? anyString(), this.#budget),
      first.strings ?? anyString(),
    );
    return all.empty ? undefined : TextLanguage.strings(all);
  }

  /** Numbers and the names of the literals: what has no quotes. `canonical`: each number in one way only. */
  #bare(ways: readonly Facts[], canonical: boolean): TextLanguage | undefined {
    const numbers = ways
      .filter(({ types }) => (types & NUMBER) !== 0)
      .map(({ numbers }) => numbers ?? anyNumber());
    const types = ways.reduce((all, way) => all | way.types, 0) & (NULL | TRUE | FALSE);
    const literals = LITERALS.filter(([type]) => (types & type) !== 0).map(([, automaton]) => automaton());
    const spelled = canonical ? numbers.map((some) => some.and(canonicalNumbers(), this.#budget)) : numbers;
    const [first, ...rest] = [...spelled, ...literals];
    if (first === undefined) return undefined;
    const joined = () => rest.reduce((sum, next) => sum.or(next, this.#budget), first);
    const common = numbers.length <= 1 && [undefined, integers(), anyNumber()].includes(numbers[0]);
    if (common && !canonical) {
      return bareLanguages.get(
        `${numbers[0] === integers()} ${numbers.length} ${types}`,
        () => new TextLanguage(joined(), "utf8"),
      );
    }
    const all = joined();
    return all.empty ? undefined : new TextLanguage(all, "utf8");
  }

  #array(facts: ArrayFacts): ArrayDraft {
    const { rules, contained, least, most } = facts;
    if (
      least > MOST_ITEMS ||
      (contained !== undefined && most > MOST_ITEMS && most < Number.POSITIVE_INFINITY)
    ) {
      throw new Unenforceable(
        contained?.path ?? "minItems",
        `more than ${MOST_ITEMS} items cannot be counted`,
      );
    }
    const places = Math.min(
      most,
      rules.reduce((longest, { first }) => Math.max(longest, first.length), 0),
    );
    this.#budget.spend(workOfPlaces(facts, places));
    const distinct = most > 1 ? facts.distinct : undefined;
    const item = (index: number): ItemValues => {
      const must = itemMust(facts, index);
      const value = (conjunction: Conjunction) => this.#value(conjunction, distinct) ?? new Value();
      if (contained === undefined) return { plain: value(must), counted: undefined };
      // What is not counted need not break the rule, unless too many could match it.
      const uncounted =
        contained.most === Number.POSITIVE_INFINITY
          ? []
          : [this.#source.literal(contained.must, !contained.must.negative)];
      return { plain: value([...must, ...uncounted]), counted: value([...must, contained.must]) };
    };
    return { first: Array.from({ length: places }, (_, index) => item(index)), rest: item(places), facts };
  }

  /** Finds out which values are possible, and says what they may be. */
  #settle(): void {
    for (let changed = true; changed; ) {
      changed = false;
      for (const draft of this.#drafts) {
        this.#budget.spend(20);
        if (!draft.value.empty || !this.#possible(draft)) continue;
        draft.value.empty = false;
        changed = true;
      }
    }
    for (const { value, strings, bare, arrays, objects } of this.#drafts) {
      if (value.empty) continue;
      value.parts = {
        strings,
        bare,
        arrays: arrays.map(arrayShape).filter((shape) => shape !== undefined),
        objects: objects
          .map((draft) => objectShape(draft, this.#ordered, this.#budget))
          .filter((shape) => shape !== undefined),
      };
    }
  }

  #possible({ strings, bare, arrays, objects }: Draft): boolean {
    if (strings !== undefined || bare !== undefined) return true;
    if (arrays.some((draft) => arrayShape(draft) !== undefined)) return true;
    return objects.some((draft) => objectShape(draft, this.#ordered, this.#budget) !== undefined);
  }
}

/** What it takes to find out whether there is such an array: each number of items is looked at with each that may count. */
function workOfPlaces({ least, most, contained }: ArrayFacts, places: number): number {
  if (contained === undefined) return least;
  const counted = contained.most === Number.POSITIVE_INFINITY ? contained.least : contained.most;
  const steady = Math.max(places, most === Number.POSITIVE_INFINITY ? least : most);
  return 5 * (steady + 1) * (Math.min(counted, steady) + 1);
}

function arrayShape({ first, rest, facts }: ArrayDraft): ArrayShape | undefined {
  const { least, most, contained, distinct } = facts;
  const shape = new ArrayShape(first, rest, {
    least,
    most,
    leastCounted: contained?.least ?? 0,
    mostCounted: contained?.most ?? Number.POSITIVE_INFINITY,
    distinct: distinct !== undefined && most > 1,
  });
  return shape.possible ? shape : undefined;
}

const saysNothing = ({ schema, negative }: Literal): boolean =>
  negative ? schema === false : schema === true || (isObject(schema) && Object.keys(schema).length === 0);

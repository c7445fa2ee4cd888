import { Abreast, type Stand } from "../abreast.ts";
import { Automaton } from "../automaton.ts";
import { type Budget, Unenforceable } from "../budget.ts";
import { borders } from "../char-set.ts";
import { workOfState } from "../exploration.ts";
import { bit, countOf } from "../key-language.ts";
import { ObjectShape } from "../object-control.ts";
import { Value } from "../value.ts";
import { type Conjunction, memberMust, type ObjectFacts, type PatternRule } from "./facts.ts";

/** An object whose members' values are not known yet. */
export interface ObjectDraft {
  /** Label i + 1: a key whose member is of `values[i]`. */
  readonly keys: Automaton;
  readonly values: readonly Value[];
  /** How many values belong to one name each: those behind the first, which is that of keys that nothing is said of. */
  readonly named: number;
  readonly facts: ObjectFacts;
}

interface KeyState {
  /** In the tree of names; -1 off it. */
  readonly node: number;
  /** Of the automaton of allowed keys, and of each pattern. */
  readonly others: Stand;
}

/**
 * `value`: the value that matches a conjunction, undefined where it is clear that none does. `open`: keys that nothing is said of
 * are possible beside those that are named.
 */
export function objectDraft(
  facts: ObjectFacts,
  value: (must: Conjunction) => Value | undefined,
  open: boolean,
  budget: Budget,
): ObjectDraft {
  const names = [...new Set([...facts.rules.flatMap(({ names }) => [...names.keys()]), ...facts.required])];
  const values: Value[] = [new Value()];
  /** Label of each name; 0 for one that must not be there. */
  const labels = names.map((name) => {
    const allowed = facts.keys?.accepts(name) ?? true;
    const member = allowed ? value(memberMust(facts, name)) : undefined;
    return member === undefined ? 0 : values.push(member);
  });
  const named = values.length - 1;
  const free = !open && saysAllNames(facts, named) ? undefined : value(otherMust(facts, []));
  if (free !== undefined) values[0] = free;
  const tree = nameTree(names, labels, budget);
  const patterns = [
    ...new Map(facts.rules.flatMap(({ patterns }) => patterns.map((rule) => [rule.source, rule]))).values(),
  ];
  const automata = [...(facts.keys === undefined ? [] : [facts.keys]), ...patterns.map(({ keys }) => keys)];
  const firstPattern = facts.keys === undefined ? 0 : 1;
  const kinds = new Map<string, number>([["", free === undefined ? 0 : 1]]);
  const otherLabel = (others: readonly number[]): number => {
    if (facts.keys !== undefined && facts.keys.label(others[0] ?? -1) === 0) return 0;
    const matched = patterns.filter(({ keys }, at) => keys.label(others[firstPattern + at] ?? -1) > 0);
    const kind = matched.map(({ source }) => JSON.stringify(source)).join();
    let label = kinds.get(kind);
    if (label === undefined) {
      const member = value(otherMust(facts, matched));
      label = member === undefined ? 0 : values.push(member);
      kinds.set(kind, label);
    }
    return label;
  };
  // Where nothing but names is possible, there is nothing to follow off the tree.
  const onlyNames = patterns.length === 0 && free === undefined;
  const spelled = [
    ...new Set([
      ...borders([tree.chars]),
      ...automata.flatMap((automaton) => [...automaton.borders]),
      0xd800,
      0xe000,
    ]),
  ].sort((a, b) => a - b);
  const abreast = new Abreast(automata, spelled, budget);
  const keys = Automaton.explore<KeyState>(
    {
      start: { node: 0, others: abreast.start },
      borders: spelled,
      key: ({ node, others }) => others.id * (tree.next.length + 1) + node + 1,
      step: ({ node, others }, char, column) => {
        const next = node < 0 ? -1 : (tree.next[node]?.get(char) ?? -1);
        return next < 0 && onlyNames ? undefined : { node: next, others: abreast.step(others, column) };
      },
      label: ({ node, others }) => {
        const label = tree.labels[node] ?? -1;
        return label >= 0 ? label : onlyNames ? 0 : otherLabel(others.states);
      },
    },
    budget,
  );
  return { keys, values, named, facts };
}

/** Whether the names that are said are enough, and nothing is said of others. `named`: how many may be there. */
const saysAllNames = ({ rules, keys, least }: ObjectFacts, named: number): boolean =>
  named > 0 &&
  named >= least &&
  keys === undefined &&
  rules.every(({ patterns, rest }) => patterns.length === 0 && rest.length === 0);

const otherMust = ({ rules }: ObjectFacts, matched: readonly PatternRule[]): Conjunction =>
  rules.flatMap(({ patterns, rest }) => {
    const own = patterns.filter(({ source }) => matched.some((rule) => rule.source === source));
    return own.length > 0 ? own.flatMap(({ must }) => must) : rest;
  });

interface NameTree {
  readonly next: readonly ReadonlyMap<number, number>[];
  /** -1: no name ends here. */
  readonly labels: readonly number[];
  readonly chars: readonly (readonly [number, number])[];
}

function nameTree(names: readonly string[], labels: readonly number[], budget: Budget): NameTree {
  const next: Map<number, number>[] = [new Map()];
  const ends: number[] = [-1];
  const chars = new Set<number>();
  for (const [index, name] of names.entries()) {
    let node = 0;
    for (const character of name) {
      budget.spend(5);
      const char = character.codePointAt(0) ?? 0;
      chars.add(char);
      let child = next[node]?.get(char);
      if (child === undefined) {
        child = next.push(new Map()) - 1;
        ends.push(-1);
        next[node]?.set(char, child);
      }
      node = child;
    }
    ends[node] = labels[index] ?? 0;
    budget.expect(next.length * workOfState(chars.size + 1));
  }
  return { next, labels: ends, chars: [...chars].map((char) => [char, char] as const) };
}

/**
 * The shape, without the members that no value is possible for; undefined where no object is possible. `ordered`: named
 * members come in the order in which the schema names them.
 */
export function objectShape(
  { keys, values, named, facts }: ObjectDraft,
  ordered: boolean,
  budget: Budget,
): ObjectShape | undefined {
  const possible = values.map((value) => !value.empty);
  const kept = possible.every((one) => one)
    ? keys
    : keys.filtered((label) => possible[label - 1] === true, budget);
  let required = 0n;
  for (const name of facts.required) {
    const label = labelOf(kept, name);
    if (label === 0) return undefined;
    required |= bit(label - 1);
  }
  const { least, most } = facts;
  const words = kept.words(0);
  if (words < least || countOf(required) > most || least > most) return undefined;
  const counted = Math.max(1, countOf(required));
  if (least > counted && words > named) {
    // A key that comes twice would count twice.
    throw new Unenforceable(
      "minProperties",
      `more than ${counted} members cannot be counted where their names are open`,
    );
  }
  const inOrder = ordered && least <= counted;
  return new ObjectShape(kept, values, {
    required,
    named: (bit(named) - 1n) << 1n,
    least,
    most,
    ordered: inOrder,
  });
}

function labelOf(keys: Automaton, name: string): number {
  let state = keys.empty ? -1 : 0;
  for (const char of name) state = keys.step(state, char.codePointAt(0) ?? 0);
  return keys.label(state);
}

import { Automaton } from "./automaton.ts";
import { type Budget, Unenforceable } from "./budget.ts";
import { ANY_CHAR, borders, type CharSet, contains } from "./char-set.ts";
import { type Pattern, parsePattern, WORK_OF_ATOM } from "./pattern-syntax.ts";

/** A state of the automaton that is not yet deterministic. */
interface Node {
  set: CharSet | undefined;
  next: number;
  /** States that are entered without a character; `begin` and `end` only at the beginning and the end of the text. */
  readonly free: number[];
  readonly begin: number[];
  readonly end: number[];
}

/** Where the words of a pattern stand in a text: anywhere, as JSON Schema has it, or from its beginning to its end. */
export type Extent = "somewhere" | "whole";

/** The texts that a regular expression matches. Throws Unenforceable, TooComplex. */
export function patternAutomaton(source: string, extent: Extent, budget: Budget): Automaton {
  const pattern = parsePattern(source, budget);
  return automatonOfPattern(pattern, extent, budget);
}

/** Throws Unenforceable, TooComplex. */
export function automatonOfPattern(pattern: Pattern, extent: Extent, budget: Budget): Automaton {
  const { rest, assertions } = leadingAssertions(pattern, extent);
  let automaton = new PatternNodes(budget).automaton(rest, extent);
  for (const { part, negative } of assertions) {
    const anchored: Pattern = { type: "sequence", parts: [{ type: "begin" }, part] };
    const ahead = automatonOfPattern(anchored, "somewhere", budget);
    automaton = negative ? automaton.without(ahead, budget) : automaton.and(ahead, budget);
  }
  return automaton;
}

type Ahead = Extract<Pattern, { type: "ahead" }>;

/** Assertions on the whole text, which stand at its beginning: those an automaton can be combined with. */
function leadingAssertions(pattern: Pattern, extent: Extent): { rest: Pattern; assertions: Ahead[] } {
  const parts = pattern.type === "sequence" ? [...pattern.parts] : [pattern];
  const begin = parts[0]?.type === "begin" ? parts.shift() : undefined;
  const assertions: Ahead[] = [];
  if (begin !== undefined || extent === "whole") {
    for (let [part] = parts; part?.type === "ahead"; [part] = parts) {
      assertions.push(part);
      parts.shift();
    }
  }
  return { rest: { type: "sequence", parts: begin === undefined ? parts : [begin, ...parts] }, assertions };
}

class PatternNodes {
  readonly #budget: Budget;
  readonly #nodes: Node[] = [];

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  automaton(pattern: Pattern, extent: Extent): Automaton {
    const nodes = this.#nodes;
    const last = this.#node();
    const start = this.#node();
    if (extent === "somewhere") this.#loop(last);
    const first = this.#add(pattern, last);
    // The text before the words: `start` is left at once or after any characters, and only the former is the beginning.
    nodes[start]?.free.push(first);
    if (extent === "somewhere") {
      const skipped = this.#node();
      this.#loop(skipped);
      nodes[skipped]?.free.push(first);
      nodes[start]?.free.push(skipped);
    }
    const sets = nodes.flatMap(({ set }) => (set === undefined ? [] : [set]));
    return Automaton.explore<readonly number[]>(
      {
        start: this.#closure([start], true, false),
        borders: borders([ANY_CHAR, ...sets]),
        key: (states) => states.join(),
        step: (states, char) => {
          const next = states.flatMap((state) => {
            const { set, next } = this.#at(state);
            return set !== undefined && contains(set, char) ? [next] : [];
          });
          return next.length === 0 ? undefined : this.#closure(next, false, false);
        },
        label: (states) => {
          // At the very beginning the end may be there too.
          const begins = states.includes(start);
          return this.#closure(states, begins, true).includes(last) ? 1 : 0;
        },
      },
      this.#budget,
    );
  }

  /** Adds a pattern in front of a state; returns the state that begins it. */
  #add(pattern: Pattern, then: number): number {
    switch (pattern.type) {
      case "chars":
        return this.#node({ set: pattern.set, next: then });
      case "sequence":
        return pattern.parts.reduceRight((next, part) => this.#add(part, next), then);
      case "choice": {
        const node = this.#node();
        this.#at(node).free.push(...pattern.options.map((option) => this.#add(option, then)));
        return node;
      }
      case "repeat":
        return this.#repeat(pattern.part, pattern.least, pattern.most, then);
      case "begin":
      case "end": {
        const node = this.#node();
        this.#at(node)[pattern.type].push(then);
        return node;
      }
      case "ahead":
        throw new Unenforceable(
          "",
          "the regular expression looks ahead, which can be enforced only directly behind a '^' that begins it",
        );
    }
  }

  #repeat(part: Pattern, least: number, most: number, then: number): number {
    let first = then;
    if (most === Number.POSITIVE_INFINITY) {
      first = this.#node();
      this.#at(first).free.push(this.#add(part, first), then);
    } else {
      for (let times = least; times < most; times += 1) {
        const optional = this.#node();
        this.#at(optional).free.push(this.#add(part, first), then);
        first = optional;
      }
    }
    for (let times = 0; times < least; times += 1) {
      this.#budget.spend(1);
      first = this.#add(part, first);
    }
    return first;
  }

  #node({ set, next }: { set?: CharSet; next: number } = { next: -1 }): number {
    this.#budget.spend(WORK_OF_ATOM);
    return this.#nodes.push({ set, next, free: [], begin: [], end: [] }) - 1;
  }

  #loop(node: number): void {
    const looping = this.#at(node);
    looping.set = ANY_CHAR;
    looping.next = node;
  }

  #at(node: number): Node {
    const found = this.#nodes[node];
    if (found === undefined) throw new RangeError(`There is no state ${node}.`);
    return found;
  }

  /** All states that are entered with these, ascending. */
  #closure(states: readonly number[], begins: boolean, ends: boolean): readonly number[] {
    const entered = new Set(states);
    for (const state of entered) {
      const { free, begin, end } = this.#at(state);
      for (const next of free) entered.add(next);
      if (begins) for (const next of begin) entered.add(next);
      if (ends) for (const next of end) entered.add(next);
    }
    this.#budget.spend(2 * entered.size);
    return [...entered].sort((a, b) => a - b);
  }
}

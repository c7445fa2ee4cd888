import type { Budget } from "./budget.ts";
import { CHARS, type Counts, countedWords } from "./counts.ts";
import { type Exploration, explored } from "./exploration.ts";
import { Kept } from "./kept.ts";
import { trimmed } from "./trimmed.ts";

/** Characters that are left, as far as they are told apart: most tokens have fewer than the least of these. */
const DISTANCES = [512, 128, 64, 32, 16];

/** State i: there have been i characters, or `least` where there is no end. */
interface Counter extends Counts {
  readonly size: number;
}

/** More states than any exploration has budget for. */
const MOST_REACHED = 2 ** 26;

/** Number of words without an end. */
const ENDLESS = Number.POSITIVE_INFINITY;

const counting = new Kept<Automaton>(200);

/**
 * A deterministic automaton over characters, whose words may be of several kinds (labels from 1 on). From each of its
 * states a word can still be completed; state 0 is the first. An automaton without states accepts nothing.
 */
export class Automaton {
  /** First character of each range of characters that are alike, ascending. */
  readonly borders: Uint32Array;
  readonly size: number;
  readonly #table: Int32Array;
  readonly #labels: Int32Array;
  readonly #words: Float64Array;
  /** What is known of `free`; -1: nothing yet. */
  readonly #free: Int8Array;
  /** Where a state says no more than how many characters there have been: how many there must and may be. */
  readonly #counts: Counter | undefined;

  private constructor(starts: Uint32Array, table: Int32Array, labels: Int32Array, counts?: Counter) {
    this.borders = starts;
    this.#counts = counts;
    this.#table = table;
    this.#labels = labels;
    this.size = counts?.size ?? labels.length;
    this.#words = new Float64Array(counts === undefined ? labels.length : 0).fill(-1);
    this.#free = new Int8Array(counts === undefined ? labels.length : 0).fill(-1);
  }

  /** Throws TooComplex where it has too many states. */
  static explore<K>(exploration: Exploration<K>, budget: Budget): Automaton {
    const { table, labels } = trimmed(explored(exploration, budget));
    return new Automaton(Uint32Array.from(exploration.borders), table, labels);
  }

  /** Texts of at least and at most so many characters, of which nothing is made in advance; the same ones for all. */
  static counting({ least, most }: Counts): Automaton {
    return counting.get(`${least} ${most}`, () => {
      const size = least > most ? 0 : (most === ENDLESS ? least : most) + 1;
      const alike = Uint32Array.of(0, 0xd800, 0xe000);
      return new Automaton(alike, new Int32Array(0), new Int32Array(0), { least, most, size });
    });
  }

  get empty(): boolean {
    return this.size === 0;
  }

  /** -1 where the character cannot follow. */
  step(state: number, char: number): number {
    return this.#next(state, this.#range(char));
  }

  /** As `step`, by places among borders that hold all of this automaton's. */
  along(borders: readonly number[]): (state: number, column: number) => number {
    const ranges = borders.map((char) => this.#range(char));
    return (state, column) => this.#next(state, ranges[column] ?? 0);
  }

  /** `range`: of the characters that are alike. */
  #next(state: number, range: number): number {
    if (state < 0) return -1;
    if (this.#counts === undefined) return this.#table[state * this.borders.length + range] ?? -1;
    const { least, most, size } = this.#counts;
    // The second range is that of half characters.
    if (range === 1 || state >= size || state >= most) return -1;
    return most === ENDLESS ? Math.min(state + 1, least) : state + 1;
  }

  /** 0: no word ends in this state. */
  label(state: number): number {
    if (state < 0) return 0;
    if (this.#counts !== undefined) return state >= this.#counts.least && state < this.size ? 1 : 0;
    return this.#labels[state] ?? 0;
  }

  /** The states that one of these characters leads to; -1 for none is left out. */
  *reached(state: number, low: number, high: number): Generator<{ state: number; chars: number }> {
    for (let range = this.#range(low); range < this.borders.length; range += 1) {
      const first = Math.max(low, this.borders[range] ?? 0);
      if (first > high) return;
      const last = Math.min(high, (this.borders[range + 1] ?? 0x110000) - 1);
      const next = this.#next(state, range);
      if (next >= 0) yield { state: next, chars: last - first + 1 };
    }
  }

  /** The characters around one that are like it everywhere. */
  around(char: number): readonly [first: number, last: number] {
    const range = this.#range(char);
    return [this.borders[range] ?? 0, (this.borders[range + 1] ?? 0x110000) - 1];
  }

  /** Where texts go that are none of those that are told apart, if they stay there; the last character stands for them. */
  beside(state: number): number {
    const next = this.step(state, 0x10ffff);
    return this.step(next, 0x10ffff) === next ? next : -1;
  }

  /** Whether all words can follow in a state, and all are of the first kind. */
  free(state: number): boolean {
    if (this.#counts !== undefined) return this.#counts.most === ENDLESS && state >= this.#counts.least;
    let known = this.#free[state];
    if (known === undefined || known < 0) {
      let chars = 0;
      for (const { state: next, chars: count } of this.reached(state, 0, 0x10ffff))
        if (next === state) chars += count;
      known = this.label(state) === 1 && chars === CHARS ? 1 : 0;
      this.#free[state] = known;
    }
    return known === 1;
  }

  accepts(text: string): boolean {
    let state = this.empty ? -1 : 0;
    for (const char of text) state = this.step(state, char.codePointAt(0) ?? 0);
    return this.label(state) > 0;
  }

  /**
   * A state from which all short words can be completed that can be from this one, and no others: texts that only are
   * counted have few such states, however long they may be.
   */
  nearer(state: number): number {
    if (this.#counts === undefined || state < this.#counts.least) return state;
    const { most } = this.#counts;
    const room = DISTANCES.find((distance) => distance <= most - state);
    return room === undefined || most === ENDLESS ? state : most - room;
  }

  /** How many ways there are to complete a word from a state on, the empty one included; may be infinite. */
  words(state: number): number {
    if (this.empty || state < 0) return 0;
    if (this.#counts !== undefined) return countedWords(this.#counts, state);
    const known = this.#words[state] ?? 0;
    if (known >= 0) return known;
    const path: { state: number; edges: Generator<{ state: number; chars: number }>; sum: number }[] = [];
    const open = (entered: number) => {
      this.#words[entered] = -2;
      const sum = this.label(entered) > 0 ? 1 : 0;
      path.push({ state: entered, edges: this.reached(entered, 0, 0x10ffff), sum });
    };
    open(state);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const edge = top.edges.next();
      if (edge.done) {
        this.#words[top.state] = top.sum;
        path.pop();
        continue;
      }
      const count = this.#words[edge.value.state] ?? 0;
      if (count === -1) {
        open(edge.value.state);
        // The edge is looked at again once its end is known.
        top.edges = prepend(edge.value, top.edges);
      } else {
        // A way back to a state that is being counted is a loop.
        top.sum += count === -2 ? ENDLESS : count * edge.value.chars;
      }
    }
    return this.#words[state] ?? 0;
  }

  /** Words by what both say of them: `label` gets their labels there, 0 for no word. */
  combine(other: Automaton, label: (a: number, b: number) => number, budget: Budget): Automaton {
    const borders = [...new Set([...this.borders, ...other.borders])].sort((a, b) => a - b);
    const mine = this.along(borders);
    const its = other.along(borders);
    // A pair of states, -1 for none, as one number; of a counter few states are reached, however many it has.
    const stride = Math.min(other.size, MOST_REACHED) + 1;
    const pair = (a: number, b: number) => (a + 1) * stride + b + 1;
    const first = (automaton: Automaton) => (automaton.empty ? -1 : 0);
    return Automaton.explore<number>(
      {
        start: pair(first(this), first(other)),
        borders,
        key: (state) => state,
        step: (state, _char, column) => {
          const x = mine(Math.floor(state / stride) - 1, column);
          const y = its((state % stride) - 1, column);
          return x < 0 && y < 0 ? undefined : pair(x, y);
        },
        label: (state) =>
          label(this.label(Math.floor(state / stride) - 1), other.label((state % stride) - 1)),
      },
      budget,
    );
  }

  /** Words of both. */
  and(other: Automaton, budget: Budget): Automaton {
    if (this === other) return this;
    const [mine, its] = [this.#counts, other.#counts];
    if (mine !== undefined && its !== undefined) {
      return Automaton.counting({
        least: Math.max(mine.least, its.least),
        most: Math.min(mine.most, its.most),
      });
    }
    return this.combine(other, (a, b) => (b > 0 ? a : 0), budget);
  }

  /** Words of either. */
  or(other: Automaton, budget: Budget): Automaton {
    if (this === other) return this;
    return this.combine(other, (a, b) => a || b, budget);
  }

  /** Words of this one that the other one lacks. */
  without(other: Automaton, budget: Budget): Automaton {
    return this.combine(other, (a, b) => (b > 0 ? 0 : a), budget);
  }

  /** Without the words of some kinds. */
  filtered(keeps: (label: number) => boolean, budget: Budget): Automaton {
    if (this.empty) return this;
    return Automaton.explore<number>(
      {
        start: 0,
        borders: [...this.borders],
        key: (state) => state,
        step: (state, char) => {
          const next = this.step(state, char);
          return next < 0 ? undefined : next;
        },
        label: (state) => (keeps(this.label(state)) ? this.label(state) : 0),
      },
      budget,
    );
  }

  /** The last range that begins at or before the character. */
  #range(char: number): number {
    let low = 0;
    let high = this.borders.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.borders[middle] ?? 0) <= char) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function* prepend<T>(first: T, rest: Generator<T>): Generator<T> {
  yield first;
  yield* rest;
}

import type { Budget } from "./budget.ts";

/** How an automaton is explored from its first state on: `K` is whatever tells its states apart. */
export interface Exploration<K> {
  readonly start: K;
  /** Characters between two of these are alike; ascending, from 0 on. */
  readonly borders: readonly number[];
  key(state: K): string | number;
  /** The state behind a character, which is `borders[column]`; undefined where none can follow. */
  step(state: K, char: number, column: number): K | undefined;
  /** 0: a word cannot end here; otherwise what kind of word has ended. */
  label(state: K): number;
}

/** An automaton as it was explored: all states that can be reached. */
export interface Explored {
  /** Ranges of characters, which is how long a row of the table is. */
  readonly width: number;
  /** A row for each state: the state behind each range, -1 for none. */
  readonly table: Int32Array;
  /** 0 where no word ends. */
  readonly labels: Int32Array;
}

/** Units of work that a state with so many ranges of characters takes. */
export const workOfState = (width: number): number => width + 10;

/** Finds all states. Throws TooComplex where they are too many. */
export function explored<K>(exploration: Exploration<K>, budget: Budget): Explored {
  const { start, borders, key, step, label } = exploration;
  const width = borders.length;
  const halves = borders.map((char) => char >= 0xd800 && char <= 0xdfff);
  const states: K[] = [start];
  const numbers = new Map<string | number, number>([[key(start), 0]]);
  let table: Int32Array = new Int32Array(0);
  for (let at = 0; at < states.length; at += 1) {
    budget.spend(workOfState(width));
    const state = states[at] as K;
    const row = at * width;
    if (row === table.length) table = enlarged(table, 8 * width);
    // Neighbouring ranges mostly lead to the same state.
    let name: string | number | undefined;
    let number = -1;
    for (let column = 0; column < width; column += 1) {
      const next = halves[column] ? undefined : step(state, borders[column] ?? 0, column);
      const wanted = next === undefined ? undefined : key(next);
      if (wanted !== name) {
        name = wanted;
        number = name === undefined ? -1 : (numbers.get(name) ?? -1);
        if (name !== undefined && next !== undefined && number < 0) {
          number = states.push(next) - 1;
          numbers.set(name, number);
        }
      }
      table[row + column] = number;
    }
  }
  return {
    width,
    table: table.subarray(0, states.length * width),
    labels: Int32Array.from(states, label),
  };
}

function enlarged(table: Int32Array, least: number): Int32Array {
  const larger = new Int32Array(Math.max(least, table.length * 2));
  larger.set(table);
  return larger;
}

import type { Automaton } from "./automaton.ts";
import type { Budget } from "./budget.ts";

/** Where each of several automata stands. */
export interface Stand {
  /** From 0 on, in the order in which they are met. */
  readonly id: number;
  /** A state of each automaton; -1 where nothing follows any more. */
  readonly states: readonly number[];
  /** Where they stand behind each range of characters, as far as it was asked for. */
  readonly behind: Stand[];
}

/** Several automata that read the same text; what was found once is kept. */
export class Abreast {
  readonly start: Stand;
  readonly #walks: readonly ((state: number, column: number) => number)[];
  readonly #stands = new Map<string, Stand>();
  readonly #budget: Budget;

  /** `borders`: those of all the automata, at least. */
  constructor(automata: readonly Automaton[], borders: readonly number[], budget: Budget) {
    this.#walks = automata.map((automaton) => automaton.along(borders));
    this.#budget = budget;
    this.start = this.#stand(automata.map((automaton) => (automaton.empty ? -1 : 0)));
  }

  /** Behind a character of the range in this place among the borders. Throws TooComplex. */
  step(stand: Stand, column: number): Stand {
    let next = stand.behind[column];
    if (next === undefined) {
      this.#budget.spend(Math.ceil(this.#walks.length / 3));
      next = this.#stand(this.#walks.map((walk, at) => walk(stand.states[at] ?? -1, column)));
      stand.behind[column] = next;
    }
    return next;
  }

  #stand(states: readonly number[]): Stand {
    const name = states.join();
    let stand = this.#stands.get(name);
    if (stand === undefined) {
      stand = { id: this.#stands.size, states, behind: [] };
      this.#stands.set(name, stand);
    }
    return stand;
  }
}

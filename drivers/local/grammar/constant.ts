import type { Automaton } from "./automaton.ts";
import { Budget } from "./budget.ts";

/** An automaton that is the same for all: made when it is first wanted, and at nobody's expense. */
export function constant(make: (budget: Budget) => Automaton): () => Automaton {
  let made: Automaton | undefined;
  return () => {
    made ??= make(new Budget(Number.POSITIVE_INFINITY));
    return made;
  };
}

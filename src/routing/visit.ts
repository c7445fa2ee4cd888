import type { Log } from "../core/log.ts";
import { isEngineFailure } from "./failures.ts";
import type { PlacementState, PlacementStates } from "./placement-state.ts";
import type { Placement, Route } from "./route.ts";

export interface VisitParts {
  readonly states: PlacementStates;
  readonly log: Log;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
  /** Milliseconds since 1970. */
  wallClock(): number;
}

/** One generation at one placement, as the placement's state is told of it. */
export class Visit {
  readonly #state: PlacementState;
  readonly #route: Route;
  readonly #parts: VisitParts;

  constructor(placement: Placement, route: Route, parts: VisitParts) {
    const state = parts.states.of(placement);
    this.#state = state;
    this.#route = route;
    this.#parts = parts;
    state.inFlight += 1;
    state.requests += 1;
    state.circuit.begun(parts.monotonic());
  }

  answered(ms: number): void {
    this.#state.answered(ms, this.#parts.monotonic());
  }

  /** It would have taken at least so many milliseconds to its first token. */
  outpaced(ms: number): void {
    this.#state.outpaced(ms);
  }

  failed(error: unknown): void {
    if (!isEngineFailure(error)) return;
    const { monotonic, wallClock } = this.#parts;
    this.#state.failed(error, { at: wallClock(), now: monotonic() }, this.#route.routing);
  }

  ended(): void {
    this.#state.inFlight -= 1;
    this.#state.circuit.untold();
  }
}

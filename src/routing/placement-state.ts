import type { BoundDriver } from "../core/driver.ts";
import type { GatewayError } from "../errors.ts";
import { Circuit, type CircuitLimits } from "./circuit.ts";
import type { Placement } from "./route.ts";

/** Weight of the newest answer in the mean time to the first token. */
const NEWEST = 0.05;

/** What went wrong last at a placement, for operators. */
export interface LastFailure {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly code: string;
  readonly message: string;
}

/** What the router has seen of one placement. */
export class PlacementState {
  readonly circuit = new Circuit();
  /** Generations that are there now. */
  inFlight = 0;
  /** Moving mean of the milliseconds from a generation's start there to its first event; null before the first. */
  latencyMs: number | null = null;
  /** Generations that were sent there, and those of them that failed. */
  requests = 0;
  failures = 0;
  /** When it last answered, in milliseconds of the clock that never goes back. */
  answeredAt: number | undefined;
  lastFailure: LastFailure | null = null;

  /** `at`: milliseconds since 1970; `now`: of the clock that never goes back. */
  failed(error: GatewayError, { at, now }: { at: number; now: number }, limits: CircuitLimits): void {
    this.failures += 1;
    this.lastFailure = { at, code: error.code, message: error.message };
    this.circuit.failed(now, limits);
  }

  answered(ms: number, now: number): void {
    this.latencyMs = this.latencyMs === null ? ms : this.latencyMs + NEWEST * (ms - this.latencyMs);
    this.answeredAt = now;
    this.circuit.succeeded();
  }

  /** Another placement answered in its place, after so many milliseconds. */
  outpaced(ms: number): void {
    if (this.latencyMs === null) this.latencyMs = ms;
    else if (ms > this.latencyMs) this.latencyMs += NEWEST * (ms - this.latencyMs);
  }
}

/** The states of placements; that of one whose engine stays survives a change of the configuration. */
export class PlacementStates {
  readonly #states = new WeakMap<BoundDriver, PlacementState>();

  of({ driver }: Placement): PlacementState {
    const known = this.#states.get(driver) ?? new PlacementState();
    this.#states.set(driver, known);
    return known;
  }
}

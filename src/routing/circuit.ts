/** Longest rest of a placement that keeps failing, in milliseconds. */
const LONGEST_REST_MS = 60_000;

export interface CircuitLimits {
  /** Failures in a row after which the placement is left alone. */
  readonly allowedFails: number;
  /** Milliseconds for which it is left alone; twice as long after each probe that fails, up to a minute. */
  readonly cooldownMs: number;
}

/** `half_open`: its rest is over, and one request at a time finds out whether it is well. */
export type CircuitState = "closed" | "open" | "half_open";

/** Leaves a placement alone that keeps failing. Times are milliseconds of one clock. */
export class Circuit {
  /** Failures since the last success. */
  #failures = 0;
  #rests = 0;
  #opensAt: number | undefined;
  #probing = false;

  state(now: number): CircuitState {
    if (this.#opensAt === undefined) return "closed";
    return now < this.#opensAt ? "open" : "half_open";
  }

  /** When its rest ends; undefined while it is closed. */
  get opensAt(): number | undefined {
    return this.#opensAt;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Whether a request may go there now. */
  admits(now: number): boolean {
    const state = this.state(now);
    return state === "closed" || (state === "half_open" && !this.#probing);
  }

  /** A request goes there. */
  begun(now: number): void {
    if (this.state(now) === "half_open") this.#probing = true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#rests = 0;
    this.#opensAt = undefined;
    this.#probing = false;
  }

  failed(now: number, { allowedFails, cooldownMs }: CircuitLimits): void {
    this.#failures += 1;
    this.#probing = false;
    if (this.#failures < allowedFails) return;
    this.#opensAt = now + Math.min(cooldownMs * 2 ** this.#rests, Math.max(cooldownMs, LONGEST_REST_MS));
    this.#rests += 1;
  }

  /** A request went there and ended without saying anything of the placement: its client left, or asked what no engine does. */
  untold(): void {
    this.#probing = false;
  }
}

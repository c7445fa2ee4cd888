/** A timer that is so late tells that this process itself stood still, and nothing of the engine. */
const LATE_MS = 1000;

/**
 * Barks when there is work and no sign of progress for `timeoutMs`. One timer that is set again with what is left; a
 * sign of progress costs only a look at the clock.
 */
export class Watchdog {
  readonly #timeoutMs: number;
  readonly #bark: () => void;
  #timer: NodeJS.Timeout | undefined;
  #progressAt = 0;
  barked = false;

  constructor(timeoutMs: number, bark: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#bark = bark;
  }

  /** There is work from now on. */
  busy(): void {
    if (this.#timer !== undefined) return;
    this.progress();
    this.#set(this.#timeoutMs);
  }

  progress(): void {
    this.#progressAt = performance.now();
  }

  idle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #set(ms: number): void {
    const due = performance.now() + ms;
    this.#timer = setTimeout(() => {
      if (performance.now() - due > LATE_MS) this.progress();
      const left = this.#progressAt + this.#timeoutMs - performance.now();
      if (left > 0) {
        this.#set(left);
        return;
      }
      this.#timer = undefined;
      this.barked = true;
      this.#bark();
    }, ms);
  }
}

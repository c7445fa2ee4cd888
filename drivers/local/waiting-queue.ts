import type { GenerationRequest } from "../../src/core/generation.ts";

export interface Waiting {
  readonly id: number;
  readonly request: GenerationRequest;
  /** When it came, on the loop's clock. */
  readonly arrived: number;
}

/** Requests that wait for a slot, in the order of their arrival, none of them longer than `timeoutMs`. */
export class WaitingQueue {
  readonly #timeoutMs: number;
  readonly #late: (id: number) => void;
  readonly #entries: { readonly waiting: Waiting; readonly timeout: NodeJS.Timeout }[] = [];

  /** `late` is told of each request that has waited too long and was taken out. */
  constructor(timeoutMs: number, late: (id: number) => void) {
    this.#timeoutMs = timeoutMs;
    this.#late = late;
  }

  get length(): number {
    return this.#entries.length;
  }

  push(waiting: Waiting): void {
    const timeout = setTimeout(() => {
      this.remove(waiting.id);
      this.#late(waiting.id);
    }, this.#timeoutMs);
    this.#entries.push({ waiting, timeout });
  }

  /** Takes out the one that has waited longest. */
  shift(): Waiting | undefined {
    const first = this.#entries.shift();
    clearTimeout(first?.timeout);
    return first?.waiting;
  }

  /** Harmless for a request that does not wait. */
  remove(id: number): void {
    const at = this.#entries.findIndex(({ waiting }) => waiting.id === id);
    const [removed] = at < 0 ? [] : this.#entries.splice(at, 1);
    clearTimeout(removed?.timeout);
  }
}

import { GatewayError } from "../../src/errors.ts";

export interface TurnLimits {
  /** Requests that run at the same time. */
  readonly slots: number;
  readonly maxQueue: number;
  readonly queueTimeoutMs: number;
}

interface Waiting {
  readonly priority: number;
  readonly begin: () => void;
}

/** Lets so many requests run at a time; of the others, those with a lower priority number go first, and then the earlier. */
export class Turns {
  readonly #limits: TurnLimits;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  get slots(): number {
    return this.#limits.slots;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves with its turn, which ends with `free`. Throws GatewayError where too many wait or it takes too long, or `signal.reason`. */
  async take(priority: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { slots, maxQueue, queueTimeoutMs } = this.#limits;
    if (this.#running < slots) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= maxQueue) {
      throw overloaded(`The engine is busy and ${maxQueue} requests wait already. Try again later.`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { priority, begin: resolve };
    const at = this.#waiting.findIndex((other) => other.priority > priority);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, waiting);
    const give = (reason: unknown): void => {
      const place = this.#waiting.indexOf(waiting);
      if (place < 0) return;
      this.#waiting.splice(place, 1);
      reject(reason);
    };
    const late = setTimeout(
      () => give(overloaded("The engine was busy for too long. Try again later.")),
      queueTimeoutMs,
    );
    const abort = (): void => give(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Ends a turn: the next one begins. */
  free(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next.begin();
  }
}

const overloaded = (message: string): GatewayError =>
  new GatewayError("server_is_overloaded", message, { retryAfter: 1 });

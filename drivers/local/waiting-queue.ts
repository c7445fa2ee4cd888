import type { GenerationRequest } from "../../src/core/generation.ts";

/** A request of which at least one choice has no slot yet. */
export interface Waiting {
  readonly id: number;
  readonly request: GenerationRequest;
  /** When it came, on the loop's clock. */
  readonly arrived: number;
}

/** What a tenant has had so far. */
export interface Served {
  /** Slots that it holds now. */
  readonly slots: number;
  /** When it was last given one: a number that grows. */
  readonly last: number;
}

/**
 * In which order those that wait get slots: by priority; then the tenants in turn, who holds the fewest slots first and
 * of equals who has waited longest for one; then by arrival, which is the order that they are given in.
 */
export function serviceOrder<T extends Waiting>(
  waiting: readonly T[],
  served: ReadonlyMap<string, Served>,
): T[] {
  const of = ({ request: { tenant } }: Waiting) => served.get(tenant) ?? { slots: 0, last: -1 };
  return waiting.toSorted((a, b) => {
    const byPriority = a.request.priority - b.request.priority;
    if (byPriority !== 0) return byPriority;
    return of(a).slots - of(b).slots || of(a).last - of(b).last;
  });
}

/** Requests that wait for a slot, by arrival; none of them waits longer than it may. */
export class WaitingQueue<T extends Waiting> {
  readonly #late: (waiting: T) => void;
  readonly #entries = new Map<number, { readonly waiting: T; readonly timeout: NodeJS.Timeout }>();

  /** `late` is told of each request that has waited too long and was taken out. */
  constructor(late: (waiting: T) => void) {
    this.#late = late;
  }

  get length(): number {
    return this.#entries.size;
  }

  /** By arrival. */
  all(): T[] {
    return [...this.#entries.values()].map(({ waiting }) => waiting);
  }

  /** Takes a request in for at most `mostMs`. */
  push(waiting: T, mostMs: number): void {
    const timeout = setTimeout(() => {
      this.#entries.delete(waiting.id);
      this.#late(waiting);
    }, mostMs);
    this.#entries.set(waiting.id, { waiting, timeout });
  }

  /** Harmless for a request that does not wait. */
  remove(id: number): void {
    clearTimeout(this.#entries.get(id)?.timeout);
    this.#entries.delete(id);
  }
}

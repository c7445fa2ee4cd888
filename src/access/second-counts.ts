import { WINDOW_MS } from "./limit-store.ts";

const SECONDS = WINDOW_MS / 1000;

/** Counts of the last minute, one for each second that has any. Times are milliseconds of one clock. */
export class SecondCounts {
  readonly #counts = new Map<number, number>();

  add(second: number, count: number): void {
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + count);
  }

  /** Adds to a second that still counts; of one that does not any more, nothing is kept. */
  correct(second: number, count: number): void {
    if (this.#counts.has(second)) this.add(second, count);
  }

  sum(now: number): number {
    this.#forget(now);
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  /** Milliseconds until that much less is counted; until nothing is, where that is not enough. */
  timeUntilFreed(now: number, amount: number): number {
    this.#forget(now);
    let left = amount;
    let at = now;
    for (const [second, count] of [...this.#counts].sort(([one], [other]) => one - other)) {
      if (left <= 0) break;
      if (count <= 0) continue;
      left -= count;
      at = (second + SECONDS) * 1000;
    }
    return at - now;
  }

  #forget(now: number): void {
    const oldest = secondOf(now) - SECONDS;
    for (const second of this.#counts.keys()) if (second <= oldest) this.#counts.delete(second);
  }
}

export const secondOf = (now: number): number => Math.floor(now / 1000);

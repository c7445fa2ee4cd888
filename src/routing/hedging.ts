/** When a second attempt joins one that has given no token yet: after so many milliseconds, or a percentile of what it usually takes. */
export type Hedging = { readonly afterMs: number } | { readonly percentile: number };

/** Times that are remembered of a model. */
const REMEMBERED = 512;
/** With fewer a percentile says nothing. */
const FEWEST = 20;
/** New times after which the sorted ones are sorted anew. */
const STALE = 16;

/** How long the last generations of a model took to their first tokens, from the attempt's start, in milliseconds. */
export class FirstTokenTimes {
  readonly #times: number[] = [];
  #next = 0;
  #sorted: readonly number[] = [];
  #unsorted = 0;

  note(ms: number): void {
    this.#times[this.#next] = ms;
    this.#next = (this.#next + 1) % REMEMBERED;
    this.#unsorted += 1;
  }

  /** `percent`: above 0, below 100; undefined while too few are known. */
  percentile(percent: number): number | undefined {
    if (this.#times.length < FEWEST) return undefined;
    if (this.#sorted.length === 0 || this.#unsorted >= STALE) {
      this.#sorted = this.#times.toSorted((one, other) => one - other);
      this.#unsorted = 0;
    }
    return this.#sorted[Math.min(this.#sorted.length - 1, Math.floor((this.#sorted.length * percent) / 100))];
  }
}

/** Milliseconds after which a second attempt may join; undefined: never. */
export function hedgeDelay(rule: Hedging | undefined, times: FirstTokenTimes): number | undefined {
  if (rule === undefined) return undefined;
  return "afterMs" in rule ? rule.afterMs : times.percentile(rule.percentile);
}

/** Retries that are allowed after a quiet time, so that a few failures among few requests are all mended. */
const RESERVE = 10;

/** Holds retries to a share of the requests, so that a fleet that fails is not asked twice as often. */
export class RetryBudget {
  readonly #share: number;
  #left = RESERVE;

  /** `share`: retries for each request, 0 to 1. */
  constructor(share: number) {
    this.#share = share;
  }

  get left(): number {
    return Math.floor(this.#left);
  }

  request(): void {
    this.#left = Math.min(RESERVE, this.#left + this.#share);
  }

  /** Takes a retry; false where none is left. */
  take(): boolean {
    if (this.#share === 0 || this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

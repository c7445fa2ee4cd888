const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** A worker that served for so long did not die of what killed the one before. */
const STEADY_MS = 60_000;

/** Milliseconds to wait before a worker is started again: half a second, doubled with each death in a row, at most 30 s. */
export class RestartDelay {
  #deaths = 0;

  /** After a death; `livedMs`: since it was started. */
  next(livedMs: number): number {
    this.#deaths = livedMs >= STEADY_MS ? 1 : this.#deaths + 1;
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#deaths - 1));
  }
}

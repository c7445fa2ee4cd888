/** How quickly something comes, and when all of it will be there. */
export class TransferRate {
  readonly #began: number;
  #first: number | undefined;

  constructor(now: number) {
    this.#began = now;
  }

  /** "1.20 of 5.70 GB, 84 MB/s, 54 s left" */
  told(done: number, total: number, now: number): string {
    // What was there already has taken no time.
    this.#first ??= done;
    const seconds = (now - this.#began) / 1000;
    const perSecond = seconds > 0 ? (done - this.#first) / seconds : 0;
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);
    const left =
      perSecond > 0
        ? `, ${(perSecond / 1e6).toFixed(0)} MB/s, ${Math.ceil((total - done) / perSecond)} s left`
        : "";
    return `${gigabytes(done)} of ${gigabytes(total)} GB${left}`;
  }
}

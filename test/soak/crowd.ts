import type { End, Exchange } from "./http-client.ts";

/** Many exchanges at once, and how much of their answers has come in all. */
export class Crowd {
  readonly exchanges: readonly Exchange[];
  readonly ends: Promise<End[]>;
  #pieces = 0;
  #ended = 0;
  #waiting: { readonly pieces: number; readonly resolve: () => void }[] = [];

  /** `send` starts one of them and passes on a call for each piece of its answer. */
  constructor(size: number, send: (index: number, onData: () => void) => Exchange) {
    this.exchanges = Array.from({ length: size }, (_, index) =>
      send(index, () => {
        this.#pieces += 1;
        this.#wake();
      }),
    );
    for (const { ended } of this.exchanges) {
      void ended.then(() => {
        this.#ended += 1;
        this.#wake();
      });
    }
    this.ends = Promise.all(this.exchanges.map(({ ended }) => ended));
  }

  /** Resolves once so many more pieces have come, or all have ended. */
  morePieces(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ pieces: this.#pieces + count, resolve });
    this.#wake();
    return promise;
  }

  #wake(): void {
    const all = this.#ended === this.exchanges.length;
    const due = this.#waiting.filter(({ pieces }) => all || pieces <= this.#pieces);
    this.#waiting = this.#waiting.filter((one) => !due.includes(one));
    for (const { resolve } of due) resolve();
  }
}

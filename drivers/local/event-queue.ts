/**
 * Events from one producer to one consumer. It is unbounded: an answer has at most `max_tokens` tokens, so what a slow
 * reader leaves here is at most that.
 */
export class EventQueue<T> {
  readonly #events: T[] = [];
  #failure: { readonly reason: unknown } | undefined;
  #wake = () => {};

  push(event: T): void {
    this.#events.push(event);
    this.#wake();
  }

  /** What is queued is still delivered, then `next` throws the reason. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake();
  }

  async next(): Promise<T> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#failure !== undefined) throw this.#failure.reason;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

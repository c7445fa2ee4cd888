import type { GenerationEvent } from "../../src/core/generation.ts";

/** Milliseconds that what an engine tells behind the end of an answer is waited for. */
const TAIL_MS = 250;

type Finish = Extract<GenerationEvent, { type: "finish" }>;

/** What follows the end of an answer: the engine's usage, and the end of its stream, after which the connection can be used again. */
export class Tail {
  readonly #late: () => void;
  #timer: NodeJS.Timeout | undefined;
  #last: Finish | undefined;

  /** `late`: called where it takes too long. */
  constructor(late: () => void) {
    this.#late = late;
  }

  /** The answer's end, which is told after the tail; undefined while the answer goes on. */
  get last(): Finish | undefined {
    return this.#last;
  }

  begin(last: Finish): void {
    this.#last = last;
    this.#timer = setTimeout(this.#late, TAIL_MS);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

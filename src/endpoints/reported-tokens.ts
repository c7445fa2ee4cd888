import type { GenerationEvent } from "../core/generation.ts";

type Events = AsyncGenerator<GenerationEvent, void, undefined>;

/** The ids of all tokens that a request's answers have, those too whose text is not sent: for clients that ask for them. */
export class ReportedTokens {
  readonly #prompts: (readonly number[])[] = [];
  readonly #pending = new Map<string, number[]>();

  /** Remembers a prompt's tokens. */
  prompt(index: number, tokens: readonly number[]): void {
    this.#prompts[index] = tokens;
  }

  promptTokens(index: number): readonly number[] | undefined {
    return this.#prompts[index];
  }

  /** Passes the events of a prompt's answers on, and remembers their tokens. */
  async *watch(events: Events, prompt: number): Events {
    for await (const event of events) {
      if (event.type === "token") this.#of(prompt, event.index).push(...event.tokens.map(({ id }) => id));
      yield event;
    }
  }

  /** The tokens of an answer that have not been taken. */
  take(prompt: number, index: number): number[] {
    return this.#of(prompt, index).splice(0);
  }

  #of(prompt: number, index: number): number[] {
    const key = `${prompt} ${index}`;
    const pending = this.#pending.get(key) ?? [];
    this.#pending.set(key, pending);
    return pending;
  }
}

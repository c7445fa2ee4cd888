import type { GenerationEvent } from "../core/generation.ts";
import type { EndpointContext, EndpointRequest } from "./endpoint.ts";

/** Watches the generations of one request and tells its log line what they took. */
export class GenerationMeter {
  readonly #monotonic: EndpointContext["monotonic"];
  readonly #startedAt: number;
  #queuedMs = 0;
  #promptTokens = 0;
  #cachedTokens = 0;
  /** Counted as they come, so that an answer that is cut off counts too; the finish says it exactly. */
  #tokensSeen = 0;
  #tokensFinished = 0;
  #firstAt: number | undefined;
  #lastAt = 0;
  readonly #reasons = new Set<string>();

  constructor({ monotonic }: Pick<EndpointContext, "monotonic">) {
    this.#monotonic = monotonic;
    this.#startedAt = monotonic();
  }

  async *watch(
    events: AsyncGenerator<GenerationEvent, void, undefined>,
    record: EndpointRequest<unknown>["record"],
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    try {
      for await (const event of events) {
        this.#see(event);
        yield event;
      }
    } finally {
      record(this.#fields());
    }
  }

  #see(event: GenerationEvent): void {
    if (event.type === "start") {
      this.#queuedMs = Math.max(this.#queuedMs, event.queuedMs);
      this.#promptTokens += event.promptTokens;
      this.#cachedTokens += event.cachedTokens;
    } else if (event.type === "token") {
      this.#lastAt = this.#monotonic();
      this.#firstAt ??= this.#lastAt;
      this.#tokensSeen += event.tokens.length;
    } else {
      this.#tokensFinished += event.completionTokens;
      this.#reasons.add(event.reason);
    }
  }

  #fields() {
    const first = this.#firstAt;
    const tokens = Math.max(this.#tokensSeen, this.#tokensFinished);
    const seconds = first === undefined ? 0 : (this.#lastAt - first) / 1000;
    // The first token comes out of the prompt's own step: its time is no time of decoding.
    const rate = seconds > 0 && tokens > 1 ? (tokens - 1) / seconds : null;
    return {
      queue_ms: Math.round(this.#queuedMs),
      ttft_ms: first === undefined ? null : Math.round(first - this.#startedAt),
      tokens_per_second: rate === null ? null : Math.round(rate * 10) / 10,
      prompt_tokens: this.#promptTokens,
      cached_tokens: this.#cachedTokens,
      completion_tokens: tokens,
      finish_reason: [...this.#reasons].join(",") || null,
    };
  }
}

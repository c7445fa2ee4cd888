import type { GenerationEvent } from "../core/generation.ts";
import type { GenerationObserver } from "../core/observer.ts";
import { GatewayError } from "../errors.ts";
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

  /** When it began, in milliseconds of the clock that never goes back. */
  get startedAt(): number {
    return this.#startedAt;
  }

  constructor({ monotonic }: Pick<EndpointContext, "monotonic">) {
    this.#monotonic = monotonic;
    this.#startedAt = monotonic();
  }

  async *watch(
    events: AsyncGenerator<GenerationEvent, void, undefined>,
    record: EndpointRequest<unknown>["record"],
    observer: GenerationObserver,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    let ended = false;
    let failure: unknown;
    try {
      for await (const event of events) {
        const at = this.#monotonic();
        this.#see(event, at);
        observer.see(event, at);
        yield event;
      }
      ended = true;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      observer.end(ended ? undefined : (failure ?? left()), this.#monotonic());
      record(this.#fields());
    }
  }

  #see(event: GenerationEvent, at: number): void {
    if (event.type === "start") {
      this.#queuedMs = Math.max(this.#queuedMs, event.queuedMs);
      this.#promptTokens += event.promptTokens;
      this.#cachedTokens += event.cachedTokens;
    } else if (event.type === "token") {
      this.#lastAt = at;
      this.#firstAt ??= at;
      this.#tokensSeen += event.tokens.length;
    } else {
      this.#tokensFinished += event.completionTokens;
      this.#cachedTokens += event.cachedTokens ?? 0;
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

/** For an answer that nobody waits for any more. */
const left = (): GatewayError => new GatewayError("client_closed_request", "The client went away.");

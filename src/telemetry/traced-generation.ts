import type { Context, Tracer } from "@opentelemetry/api";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Attempt, GenerationObserver, GenerationSubject, Rival } from "../core/observer.ts";
import { AttemptSpans } from "./attempt-spans.ts";

/**
 * One span for each placement that is tried, and in it one for the generation itself, with the attributes of
 * OpenTelemetry's GenAI conventions: names and numbers, never a prompt or an answer.
 */
export class TracedGeneration implements GenerationObserver {
  readonly #tracer: Tracer;
  readonly #parent: Context;
  readonly #subject: GenerationSubject;
  #spans: AttemptSpans | undefined;
  #rival: AttemptSpans | undefined;
  #begun = false;
  #outputTokens = 0;
  readonly #reasons: string[] = [];

  constructor(tracer: Tracer, parent: Context, subject: GenerationSubject) {
    this.#tracer = tracer;
    this.#parent = parent;
    this.#subject = subject;
  }

  attempt(attempt: Attempt): void {
    this.#spans = new AttemptSpans(this.#tracer, this.#parent, this.#subject, attempt);
  }

  leased(request: GenerationRequest): GenerationRequest {
    return this.#spans?.leased(request) ?? request;
  }

  gaveWay(error: unknown): void {
    this.#spans?.end(error);
    this.#spans = undefined;
  }

  hedge(attempt: Attempt): Rival {
    const spans = new AttemptSpans(this.#tracer, this.#parent, this.#subject, attempt);
    this.#rival = spans;
    return {
      leased: (request) => spans.leased(request),
      gone: (error) => {
        if (error === undefined) spans.outpaced();
        else spans.end(error);
        this.#rival = undefined;
      },
      won: () => {
        this.#spans?.outpaced();
        this.#spans = spans;
        this.#rival = undefined;
      },
    };
  }

  see(event: GenerationEvent): void {
    const generation = this.#spans?.generation;
    if (event.type === "token") {
      if (this.#begun) return;
      this.#begun = true;
      generation?.addEvent("first token");
    } else if (event.type === "start") {
      generation?.setAttributes({
        "gen_ai.usage.input_tokens": event.promptTokens,
        "gen_ai.usage.cache_read.input_tokens": event.cachedTokens,
        "dolly.queue_ms": event.queuedMs,
      });
    } else {
      this.#outputTokens += event.completionTokens;
      if (event.cachedTokens !== undefined)
        generation?.setAttribute("gen_ai.usage.cache_read.input_tokens", event.cachedTokens);
      this.#reasons.push(event.reason);
    }
  }

  end(error: unknown): void {
    if (this.#reasons.length > 0) {
      this.#spans?.generation?.setAttributes({
        "gen_ai.usage.output_tokens": this.#outputTokens,
        "gen_ai.response.finish_reasons": this.#reasons,
      });
    }
    this.#spans?.end(error);
    // Both were running: the client left before either gave a token.
    this.#rival?.end(error);
  }
}

import { type Context, type Span, SpanKind, type Tracer } from "@opentelemetry/api";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Attempt, GenerationObserver, GenerationSubject } from "../core/observer.ts";
import { childOf, contextOf, endSpan } from "./spans.ts";

/**
 * One span for each placement that is tried, and in it one for the generation itself, with the attributes of
 * OpenTelemetry's GenAI conventions: names and numbers, never a prompt or an answer.
 */
export class TracedGeneration implements GenerationObserver {
  readonly #tracer: Tracer;
  readonly #parent: Context;
  readonly #subject: GenerationSubject;
  #attempt: Span | undefined;
  #generation: Span | undefined;
  #driver = "";
  #begun = false;
  #outputTokens = 0;
  readonly #reasons: string[] = [];

  constructor(tracer: Tracer, parent: Context, subject: GenerationSubject) {
    this.#tracer = tracer;
    this.#parent = parent;
    this.#subject = subject;
  }

  attempt({ placement, driver }: Attempt): void {
    this.#driver = driver;
    const attributes = { "dolly.placement": placement, "dolly.driver": driver };
    this.#attempt = this.#tracer.startSpan(`attempt ${placement}`, { attributes }, this.#parent);
  }

  leased(request: GenerationRequest): GenerationRequest {
    if (this.#attempt === undefined) return request;
    const { operation, model } = this.#subject;
    const { sampling, maxTokens, choices } = request;
    const attributes = {
      "gen_ai.operation.name": operation,
      "gen_ai.provider.name": this.#driver,
      "gen_ai.request.model": model,
      "gen_ai.request.max_tokens": maxTokens,
      "gen_ai.request.choice.count": choices,
      "gen_ai.request.temperature": sampling.temperature,
      "gen_ai.request.top_p": sampling.topP,
      "gen_ai.request.top_k": sampling.topK,
    };
    const options = { kind: SpanKind.CLIENT, attributes };
    this.#generation = this.#tracer.startSpan(`${operation} ${model}`, options, childOf(this.#attempt));
    return { ...request, trace: contextOf(this.#generation) };
  }

  gaveWay(error: unknown): void {
    this.#endSpans(error);
  }

  see(event: GenerationEvent): void {
    if (event.type === "token") {
      if (this.#begun) return;
      this.#begun = true;
      this.#generation?.addEvent("first token");
    } else if (event.type === "start") {
      this.#generation?.setAttributes({
        "gen_ai.usage.input_tokens": event.promptTokens,
        "gen_ai.usage.cache_read.input_tokens": event.cachedTokens,
        "dolly.queue_ms": event.queuedMs,
      });
    } else {
      this.#outputTokens += event.completionTokens;
      if (event.cachedTokens !== undefined)
        this.#generation?.setAttribute("gen_ai.usage.cache_read.input_tokens", event.cachedTokens);
      this.#reasons.push(event.reason);
    }
  }

  end(error: unknown): void {
    if (this.#reasons.length > 0) {
      this.#generation?.setAttributes({
        "gen_ai.usage.output_tokens": this.#outputTokens,
        "gen_ai.response.finish_reasons": this.#reasons,
      });
    }
    this.#endSpans(error);
  }

  #endSpans(error: unknown): void {
    if (this.#generation !== undefined) endSpan(this.#generation, error);
    if (this.#attempt !== undefined) endSpan(this.#attempt, error);
    this.#generation = undefined;
    this.#attempt = undefined;
  }
}

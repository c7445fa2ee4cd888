import { type Context, type Span, SpanKind, type Tracer } from "@opentelemetry/api";
import type { GenerationRequest } from "../core/generation.ts";
import type { Attempt, GenerationSubject } from "../core/observer.ts";
import { childOf, contextOf, endSpan } from "./spans.ts";

/** The span of one attempt at a placement, and in it that of the generation there. */
export class AttemptSpans {
  readonly #tracer: Tracer;
  readonly #subject: GenerationSubject;
  readonly #driver: string;
  readonly #attempt: Span;
  #generation: Span | undefined;

  constructor(tracer: Tracer, parent: Context, subject: GenerationSubject, { placement, driver }: Attempt) {
    this.#tracer = tracer;
    this.#subject = subject;
    this.#driver = driver;
    const attributes = { "dolly.placement": placement, "dolly.driver": driver };
    this.#attempt = tracer.startSpan(`attempt ${placement}`, { attributes }, parent);
  }

  /** Undefined until it has got a model. */
  get generation(): Span | undefined {
    return this.#generation;
  }

  leased(request: GenerationRequest): GenerationRequest {
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

  /** Another attempt, beside it, gave a token before. */
  outpaced(): void {
    this.#attempt.addEvent("outpaced");
    this.end(undefined);
  }

  end(error: unknown): void {
    if (this.#generation !== undefined) endSpan(this.#generation, error);
    endSpan(this.#attempt, error);
  }
}

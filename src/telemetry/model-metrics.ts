import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Attempt, GenerationObserver, GenerationSubject, Rival } from "../core/observer.ts";
import { errorType } from "./error-type.ts";
import type { Instruments } from "./instruments.ts";
import type { Latencies } from "./latency-histogram.ts";

/** The series of one model and operation, looked up once. */
export class ModelMetrics {
  readonly subject: GenerationSubject;
  readonly instruments: Instruments;
  readonly betweenTokens: Latencies;
  /** Tokens that have come and are not in the counter yet: `flush` puts them there. */
  pendingTokens = 0;
  readonly #labels: { gen_ai_operation_name: string; gen_ai_request_model: string };

  constructor(subject: GenerationSubject, instruments: Instruments) {
    this.subject = subject;
    this.instruments = instruments;
    this.betweenTokens = instruments.betweenTokens.series(subject.model);
    this.#labels = { gen_ai_operation_name: subject.operation, gen_ai_request_model: subject.model };
    this.flush();
  }

  /** Called before each scrape. */
  flush(): void {
    const model = { gen_ai_request_model: this.subject.model };
    const { promptTokens, cachedTokens, generatedTokens } = this.instruments;
    generatedTokens.inc(model, this.pendingTokens);
    this.pendingTokens = 0;
    // Present from the first scrape on, so that a rate over the first request is right.
    promptTokens.inc(model, 0);
    cachedTokens.inc(model, 0);
  }

  started(promptTokens: number, cachedTokens: number, queuedMs: number): void {
    const model = { gen_ai_request_model: this.subject.model };
    this.instruments.promptTokens.inc(model, promptTokens);
    this.instruments.cachedTokens.inc(model, cachedTokens);
    this.instruments.queueTime.observe(model, queuedMs / 1000);
    this.instruments.tokenUsage.observe({ ...this.#labels, gen_ai_token_type: "input" }, promptTokens);
  }

  /** Tokens of a prompt of which it is known only at the answer's end. */
  cached(tokens: number): void {
    if (tokens > 0) this.instruments.cachedTokens.inc({ gen_ai_request_model: this.subject.model }, tokens);
  }

  firstToken(seconds: number): void {
    this.instruments.firstToken.observe(this.#labels, seconds);
  }

  answered(secondsPerToken: number): void {
    this.instruments.perToken.observe(this.#labels, secondsPerToken);
  }

  gaveWay(placement: string, error: unknown): void {
    const labels = { gen_ai_request_model: this.subject.model, placement, error_type: errorType(error) };
    this.instruments.failovers.inc(labels);
  }

  hedged(placement: string, outcome: "won" | "lost" | "failed"): void {
    this.instruments.hedges.inc({ gen_ai_request_model: this.subject.model, placement, outcome });
  }

  ended(seconds: number, tokens: number, error: unknown): void {
    const labels = { ...this.#labels, error_type: errorType(error) };
    this.instruments.generationDuration.observe(labels, seconds);
    if (tokens > 0) {
      this.instruments.tokenUsage.observe({ ...this.#labels, gen_ai_token_type: "output" }, tokens);
    }
  }
}

/** Measures one generation. */
export class MeasuredGeneration implements GenerationObserver {
  readonly #model: ModelMetrics;
  readonly #startedAt: number;
  #placement = "";
  #begun = false;
  #seen = 0;
  #finished = 0;
  /** When each choice's first and latest tokens came. */
  readonly #first: number[] = [];
  readonly #latest: number[] = [];

  constructor(model: ModelMetrics, startedAt: number) {
    this.#model = model;
    this.#startedAt = startedAt;
  }

  attempt({ placement }: Attempt): void {
    this.#placement = placement;
  }

  leased(request: GenerationRequest): GenerationRequest {
    return request;
  }

  gaveWay(error: unknown): void {
    this.#model.gaveWay(this.#placement, error);
  }

  hedge({ placement }: Attempt): Rival {
    return {
      leased: (request) => request,
      gone: (error) => this.#model.hedged(placement, error === undefined ? "lost" : "failed"),
      won: () => {
        this.#model.hedged(placement, "won");
        this.#placement = placement;
      },
    };
  }

  see(event: GenerationEvent, at: number): void {
    if (event.type === "token") this.#token(event.index, event.tokens.length, at);
    else if (event.type === "finish") {
      this.#finish(event.index, event.completionTokens);
      this.#model.cached(event.cachedTokens ?? 0);
    } else this.#model.started(event.promptTokens, event.cachedTokens, event.queuedMs);
  }

  end(error: unknown, at: number): void {
    const tokens = Math.max(this.#seen, this.#finished);
    // The finish counts exactly; what came with the events may be less.
    this.#model.pendingTokens += tokens - this.#seen;
    this.#model.ended((at - this.#startedAt) / 1000, tokens, error);
  }

  #token(index: number, tokens: number, at: number): void {
    // Text that is held back comes with a later token.
    if (tokens === 0) return;
    const before = this.#latest[index];
    this.#latest[index] = at;
    this.#seen += tokens;
    this.#model.pendingTokens += tokens;
    if (before !== undefined) {
      this.#model.betweenTokens.observe((at - before) / 1000 / tokens, tokens);
      return;
    }
    this.#first[index] = at;
    if (this.#begun) return;
    this.#begun = true;
    this.#model.firstToken((at - this.#startedAt) / 1000);
  }

  #finish(index: number, completionTokens: number): void {
    this.#finished += completionTokens;
    const first = this.#first[index];
    const latest = this.#latest[index];
    if (first === undefined || latest === undefined || completionTokens < 2) return;
    this.#model.answered((latest - first) / 1000 / (completionTokens - 1));
  }
}

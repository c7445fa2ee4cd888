import type { Model } from "../core/driver.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import { GatewayError } from "../errors.ts";
import { leaseOf } from "./lease.ts";
import type { PlannedAttempt } from "./plan.ts";
import type { Lease, Pool } from "./pool.ts";
import type { Route } from "./route.ts";
import { Visit, type VisitParts } from "./visit.ts";

type Events = AsyncGenerator<GenerationEvent, void, undefined>;

export interface ContenderParts extends VisitParts {
  readonly pool: Pool;
  readonly route: Route;
  /** The request as it goes to the model. */
  prepare(model: Model): GenerationRequest;
  readonly signal: AbortSignal;
  /** Whether it has begun with its first token only, not with its start: another may yet take its place. */
  readonly untilToken: boolean;
}

/** How an attempt has begun: with events for the client, or not at all. */
export interface Outcome {
  readonly contender: Contender;
  readonly failure: { readonly error: unknown } | undefined;
}

/** One attempt at a generation, from its lease to its end; maybe beside another. */
export class Contender {
  readonly attempt: PlannedAttempt;
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  /** Milliseconds to its first token, once it has begun. */
  firstMs = 0;
  readonly #parts: ContenderParts;
  readonly #visit: Visit;
  readonly #beganAt: number;
  readonly #own = new AbortController();
  readonly #held: GenerationEvent[] = [];
  #lease: Lease | undefined;
  #events: Events | undefined;

  constructor(attempt: PlannedAttempt, parts: ContenderParts) {
    this.attempt = attempt;
    this.#parts = parts;
    this.#visit = new Visit(attempt.placement, parts.route, parts);
    this.#beganAt = parts.monotonic();
    this.outcome = this.#begin().then(
      () => ({ contender: this, failure: undefined }),
      (error: unknown) => {
        this.#visit.failed(error);
        return { contender: this, failure: { error } };
      },
    );
  }

  /** What is for the client: the events that it began with, then the rest. To be ended afterwards. */
  get held(): readonly GenerationEvent[] {
    return this.#held;
  }

  get rest(): Events | undefined {
    return this.#events;
  }

  /** It failed after it had begun. */
  failed(error: unknown): void {
    this.#visit.failed(error);
  }

  /** Another has given a token before: its work ends at once, whatever it waits for. */
  dismiss(): void {
    this.#visit.outpaced(this.elapsedMs);
    this.#own.abort(new GatewayError("client_closed_request", "Another placement answered first."));
    void this.outcome.then(() => this.end()).catch(() => undefined);
  }

  get elapsedMs(): number {
    return this.#parts.monotonic() - this.#beganAt;
  }

  /** Frees what it holds. */
  async end(): Promise<void> {
    try {
      await this.#events?.return();
    } finally {
      this.#lease?.release();
      this.#visit.ended();
    }
  }

  async #begin(): Promise<void> {
    const { pool, route, prepare, untilToken, monotonic } = this.#parts;
    const signal = untilToken ? AbortSignal.any([this.#parts.signal, this.#own.signal]) : this.#parts.signal;
    const { placement } = this.attempt;
    this.#lease = await leaseOf(pool, route, placement, signal, this.#parts.log);
    const leasedAt = monotonic();
    this.#events = this.#lease.model.generate(prepare(this.#lease.model), signal);
    let waits = true;
    while (waits) {
      const { done, value } = await this.#events.next();
      if (!done) this.#held.push(value);
      waits = untilToken && !done && value.type === "start";
    }
    this.firstMs = this.elapsedMs;
    this.#visit.answered(monotonic() - leasedAt);
  }
}

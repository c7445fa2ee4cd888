import type { Model } from "../core/driver.ts";
import type { GenerationRequest } from "../core/generation.ts";
import type { GenerationObserver, Rival } from "../core/observer.ts";
import { GatewayError } from "../errors.ts";
import { Contender, type Outcome } from "./contender.ts";
import { costsRetry, givesWay, moreTelling } from "./failures.ts";
import { type FirstTokenTimes, hedgeDelay } from "./hedging.ts";
import type { Plan, PlannedAttempt } from "./plan.ts";
import type { Pool } from "./pool.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { Prepare, Route, Routing } from "./route.ts";
import type { VisitParts } from "./visit.ts";

export interface RaceParts extends VisitParts {
  readonly pool: Pool;
  readonly budget: RetryBudget;
  readonly firstTokens: FirstTokenTimes;
  /** Calls back once after a time in milliseconds; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export interface Runner {
  readonly route: Route;
  readonly prepare: Prepare;
  readonly signal: AbortSignal;
  readonly observer: GenerationObserver;
}

/**
 * The attempts of one generation until one of them answers: one after the other, where an attempt fails, and two beside each
 * other, where the first is slow to its first token.
 */
export class Race {
  readonly attempts: Routing["attempts"][number][] = [];
  readonly #parts: RaceParts;
  readonly #runner: Runner;
  readonly #queue: PlannedAttempt[];
  /** Milliseconds; undefined where no other may join, or one has. */
  #hedgeMs: number | undefined;
  readonly #untilToken: boolean;
  #running: Contender[] = [];
  #hedge: { readonly contender: Contender; readonly rival: Rival } | undefined;
  #retries = 0;
  #worst: unknown;
  #winner: Contender | undefined;

  constructor({ order }: Plan, runner: Runner, parts: RaceParts) {
    this.#parts = parts;
    this.#runner = runner;
    this.#queue = [...order];
    const rule = runner.route.routing.hedging;
    this.#untilToken = rule !== undefined && order.length > 1;
    this.#hedgeMs = this.#untilToken ? hedgeDelay(rule, parts.firstTokens) : undefined;
  }

  /** The attempt that answers, with its first event at hand. Throws what the client is to be told. */
  async winner(): Promise<Contender> {
    for (;;) {
      if (this.#running.length === 0) this.#begin();
      const outcome = await firstOf(this.#running, this.#hedgeMs, this.#parts.after);
      if (outcome === undefined) this.#join();
      else if (outcome.failure === undefined) return this.#won(outcome.contender);
      else await this.#failed(outcome.contender, outcome.failure.error);
    }
  }

  /** Frees what the attempts hold. */
  async end(): Promise<void> {
    for (const contender of this.#running) if (contender !== this.#winner) contender.dismiss();
    await this.#winner?.end();
  }

  #begin(): void {
    const { observer } = this.#runner;
    const next = this.#queue.shift();
    if (next === undefined) throw new TypeError("an attempt that fails as the last one ends the race");
    observer.attempt(told(next));
    this.#running.push(this.#contender(next, (request) => observer.leased(request)));
  }

  /** The first attempt is slow: another joins it, once, if there is one that need not load weights first and the budget allows it. */
  #join(): void {
    this.#hedgeMs = undefined;
    const { pool } = this.#parts;
    const at = this.#queue.findIndex(
      ({ placement }) => pool.loaded(placement) !== undefined || placement.driver.loadsWeights === false,
    );
    if (at < 0 || !this.#mayRetry()) return;
    for (const next of this.#queue.splice(at, 1)) {
      const rival = this.#runner.observer.hedge(told(next));
      const contender = this.#contender(next, (request) => rival.leased(request));
      this.#hedge = { contender, rival };
      this.#running.push(contender);
    }
  }

  #contender(attempt: PlannedAttempt, leased: (request: GenerationRequest) => GenerationRequest): Contender {
    const { route, prepare, signal } = this.#runner;
    return new Contender(attempt, {
      ...this.#parts,
      route,
      signal,
      prepare: (model: Model) => leased(prepare(model)),
      untilToken: this.#untilToken,
    });
  }

  #won(contender: Contender): Contender {
    const others = this.#running.filter((other) => other !== contender);
    for (const other of others) {
      // It would have taken longer still.
      this.#parts.firstTokens.note(other.elapsedMs);
      this.attempts.push({ ...this.#told(other), outpaced: true });
      other.dismiss();
    }
    if (others.length > 0) {
      if (this.#isHedge(contender)) this.#hedge?.rival.won();
      else this.#hedge?.rival.gone(undefined);
    }
    if (this.#untilToken) this.#parts.firstTokens.note(contender.firstMs);
    this.attempts.push(this.#told(contender));
    this.#running = [];
    this.#winner = contender;
    return contender;
  }

  /** Throws where nobody is left, or nobody else may be tried. */
  async #failed(contender: Contender, error: unknown): Promise<void> {
    const { route, signal, observer } = this.#runner;
    this.#running = this.#running.filter((other) => other !== contender);
    await contender.end();
    signal.throwIfAborted();
    const code = error instanceof GatewayError ? error.code : "internal_error";
    this.attempts.push({ ...this.#told(contender), error: code });
    this.#worst = this.#worst === undefined ? error : moreTelling(this.#worst, error);
    const alone = this.#running.length === 0;
    const isHedge = this.#isHedge(contender);
    const rival = alone ? undefined : this.#hedge?.rival;
    if (isHedge) rival?.gone(error);
    if (!givesWay(error)) {
      if (!isHedge) rival?.gone(undefined);
      throw error;
    }
    if (alone && (this.#queue.length === 0 || (costsRetry(error) && !this.#mayRetry()))) throw this.#worst;
    const { id } = contender.attempt;
    this.#parts.log.warn({ model: route.name, placement: id, err: error }, "trying the next placement");
    if (alone) observer.gaveWay(error);
    else if (!isHedge) {
      observer.gaveWay(error);
      rival?.won();
    }
  }

  #mayRetry(): boolean {
    if (this.#retries >= this.#runner.route.routing.numRetries || !this.#parts.budget.take()) return false;
    this.#retries += 1;
    return true;
  }

  #isHedge = (contender: Contender): boolean => contender === this.#hedge?.contender;

  #told(contender: Contender): Routing["attempts"][number] {
    const { id, reason } = contender.attempt;
    return { id, reason, ...(this.#isHedge(contender) ? { hedge: true } : {}) };
  }
}

const told = ({ id, placement }: PlannedAttempt) => ({ placement: id, driver: placement.driver.driver });

/** The first that begins or fails; undefined where none does in time. */
async function firstOf(
  running: readonly Contender[],
  ms: number | undefined,
  after: RaceParts["after"],
): Promise<Outcome | undefined> {
  const outcomes = running.map(({ outcome }) => outcome);
  if (ms === undefined) return Promise.race(outcomes);
  const late = Promise.withResolvers<undefined>();
  const cancel = after(ms, () => late.resolve(undefined));
  try {
    return await Promise.race([...outcomes, late.promise]);
  } finally {
    cancel();
  }
}

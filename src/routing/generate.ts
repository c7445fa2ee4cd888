import type { Model } from "../core/driver.ts";
import type { GenerationEvent } from "../core/generation.ts";
import type { Log } from "../core/log.ts";
import { type GenerationObserver, unobservedGeneration } from "../core/observer.ts";
import { GatewayError } from "../errors.ts";
import { costsRetry, givesWay, isEngineFailure, moreTelling } from "./failures.ts";
import type { PlacementState } from "./placement-state.ts";
import { type Plan, type PlanParts, planAttempts } from "./plan.ts";
import { type Lease, type Pool, retryAfter } from "./pool.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { Placement, Prepare, Route, Routing, RoutingHints } from "./route.ts";
import { prefixBlocks } from "./strategy/prefix.ts";

export interface GenerateParts extends PlanParts {
  readonly pool: Pool;
  readonly log: Log;
  readonly budget: RetryBudget;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
  /** Milliseconds since 1970. */
  wallClock(): number;
}

/** Of a request that says nothing of itself. */
const NO_HINTS: RoutingHints = { prefix: () => "", session: undefined, routed: () => undefined };

/**
 * The one path of every generation: leases a model, prepares the request for it and passes its events on. A placement
 * that cannot be loaded, whose engine fails or is overloaded before the first event, or which cannot do what is asked
 * gives way to the next one; after the first event a failure is the caller's. The lease ends with the loop, however it ends.
 */
export async function* generate(
  parts: GenerateParts,
  route: Route,
  prepare: Prepare,
  signal: AbortSignal,
  observer: GenerationObserver = unobservedGeneration(),
  hints: RoutingHints = NO_HINTS,
): AsyncGenerator<GenerationEvent, void, undefined> {
  const { pool, log, monotonic, states, budget, prefixes } = parts;
  const blocks = needsPrefix(route) ? prefixBlocks(hints.prefix()) : [];
  const session = route.routing.sessionAffinity ? hints.session : undefined;
  const plan = planAttempts(route, { blocks, session }, parts, monotonic());
  if (plan.order.length === 0) {
    hints.routed({ attempts: [], skipped: plan.skipped });
    throw coolingDown(pool, route, monotonic());
  }
  const attempts: Routing["attempts"][number][] = [];
  const told = (): void => hints.routed({ attempts, skipped: plan.skipped });
  budget.request();
  let retries = 0;
  let worst: unknown;
  for (const [index, { placement, reason }] of plan.order.entries()) {
    const { id } = placement;
    const state = states.of(placement);
    const last = index === plan.order.length - 1;
    const giveWay = (error: unknown): void => {
      signal.throwIfAborted();
      attempts.push({ id, reason, error: error instanceof GatewayError ? error.code : "internal_error" });
      worst = worst === undefined ? error : moreTelling(worst, error);
      const mayRetry = (): boolean => retries < route.routing.numRetries && budget.take();
      if (last || !givesWay(error) || (costsRetry(error) && !mayRetry())) {
        told();
        throw givesWay(error) ? worst : error;
      }
      if (costsRetry(error)) retries += 1;
      log.warn({ model: route.name, placement: id, err: error }, "trying the next placement");
      observer.gaveWay(error);
    };
    observer.attempt({ placement: id, driver: placement.driver.driver });
    const visit = new Visit(state, route, parts);
    try {
      let lease: Lease;
      try {
        lease = await leaseOf(pool, route, placement, signal, log);
      } catch (error) {
        visit.failed(error);
        giveWay(error);
        continue;
      }
      try {
        const began = monotonic();
        let events: AsyncGenerator<GenerationEvent, void, undefined> | undefined;
        try {
          let first: IteratorResult<GenerationEvent, void>;
          try {
            events = lease.model.generate(observer.leased(prepare(lease.model)), signal);
            first = await events.next();
          } catch (error) {
            visit.failed(error);
            giveWay(error);
            continue;
          }
          visit.answered(monotonic() - began);
          prefixes.learn(blocks, id);
          attempts.push({ id, reason });
          told();
          if (first.done) return;
          yield first.value;
          try {
            yield* events;
          } catch (error) {
            visit.failed(error);
            throw error;
          }
          return;
        } finally {
          await events?.return();
        }
      } finally {
        lease.release();
      }
    } finally {
      visit.ended();
    }
  }
}

const needsPrefix = ({ routing, placements }: Route): boolean =>
  routing.strategy === "prefix_affinity" && placements.length > 1;

/** One generation at one placement, as the placement's state is told of it. */
class Visit {
  readonly #state: PlacementState;
  readonly #route: Route;
  readonly #parts: Pick<GenerateParts, "monotonic" | "wallClock">;

  constructor(state: PlacementState, route: Route, parts: Pick<GenerateParts, "monotonic" | "wallClock">) {
    this.#state = state;
    this.#route = route;
    this.#parts = parts;
    state.inFlight += 1;
    state.requests += 1;
    state.circuit.begun(parts.monotonic());
  }

  answered(ms: number): void {
    this.#state.answered(ms, this.#parts.monotonic());
  }

  failed(error: unknown): void {
    if (!isEngineFailure(error)) return;
    const { monotonic, wallClock } = this.#parts;
    this.#state.failed(error, { at: wallClock(), now: monotonic() }, this.#route.routing);
  }

  ended(): void {
    this.#state.inFlight -= 1;
    this.#state.circuit.untold();
  }
}

/** Calls `use` with a model of the first placement that is loaded or can be. */
export async function withModel<Result>(
  parts: GenerateParts,
  route: Route,
  use: (model: Model) => Result,
  signal: AbortSignal,
): Promise<Result> {
  const { pool, log, monotonic } = parts;
  const { order }: Plan = planAttempts(route, { blocks: [], session: undefined }, parts, monotonic());
  let failure: unknown;
  for (const { placement } of order) {
    let lease: Lease;
    try {
      lease = await leaseOf(pool, route, placement, signal, log);
    } catch (error) {
      signal.throwIfAborted();
      if (!isEngineFailure(error)) throw error;
      failure = error;
      continue;
    }
    try {
      return use(lease.model);
    } finally {
      lease.release();
    }
  }
  throw failure ?? coolingDown(pool, route, monotonic());
}

/** A lease, or an error that is fit for clients: what a driver says of files and processes is for the log only. */
async function leaseOf(
  pool: Pool,
  route: Route,
  placement: Placement,
  signal: AbortSignal,
  log: Log,
): Promise<Lease> {
  try {
    return await pool.acquire(route, placement, signal);
  } catch (error) {
    if (signal.aborted || error instanceof GatewayError) throw error;
    log.error({ model: route.name, placement: placement.id, err: error }, "the model could not be loaded");
    throw loadFailed(route, { cause: error });
  }
}

/** For clients: what a driver says of files and processes is for the log only. */
export const loadFailed = (route: Route, options: { cause: unknown; retryAfter?: number }) =>
  new GatewayError(
    "model_load_failed",
    `The model '${route.name}' could not be loaded; the server's log says why.`,
    options,
  );

function coolingDown(pool: Pool, route: Route, now: number): GatewayError {
  const failures = route.placements.flatMap((placement) => pool.failure(placement) ?? []);
  const waits = failures.map((failure) => retryAfter(failure, now, route.routing.cooldownMs));
  return loadFailed(route, { cause: failures[0]?.error, retryAfter: Math.min(...waits) });
}

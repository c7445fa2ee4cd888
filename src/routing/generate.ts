import type { Model } from "../core/driver.ts";
import type { GenerationEvent } from "../core/generation.ts";
import type { Log } from "../core/log.ts";
import { type GenerationObserver, unobservedGeneration } from "../core/observer.ts";
import { type ErrorCode, GatewayError } from "../errors.ts";
import { placementOrder } from "./policy.ts";
import { type Lease, type Pool, retryAfter } from "./pool.ts";
import type { Placement, Prepare, Route } from "./route.ts";

export interface GenerateParts {
  readonly pool: Pool;
  readonly log: Log;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
}

/**
 * The one path of every generation: leases a model, prepares the request for it and passes its events on. A placement
 * that cannot be loaded, or whose engine fails before the first event, gives way to the next one; after the first
 * event a failure is the caller's. The lease ends with the loop, however it ends.
 */
export async function* generate(
  { pool, log, monotonic }: GenerateParts,
  route: Route,
  prepare: Prepare,
  signal: AbortSignal,
  observer: GenerationObserver = unobservedGeneration(),
): AsyncGenerator<GenerationEvent, void, undefined> {
  const order = placementOrder(route.placements, (placement) => pool.failure(placement)?.at, monotonic());
  if (order.length === 0) throw coolingDown(pool, route, monotonic());
  for (const [index, placement] of order.entries()) {
    const last = index === order.length - 1;
    const giveWay = (error: unknown): void => {
      signal.throwIfAborted();
      const failure = { model: route.name, placement: placement.id, err: error };
      if (last || !isEngineFailure(error)) throw error;
      log.warn(failure, "trying the next placement");
      observer.gaveWay(error);
    };
    observer.attempt({ placement: placement.id, driver: placement.driver.driver });
    let lease: Lease;
    try {
      lease = await leaseOf(pool, route, placement, signal, log);
    } catch (error) {
      giveWay(error);
      continue;
    }
    try {
      const events = lease.model.generate(observer.leased(prepare(lease.model)), signal);
      try {
        let first: IteratorResult<GenerationEvent, void>;
        try {
          first = await events.next();
        } catch (error) {
          giveWay(error);
          continue;
        }
        if (!first.done) {
          yield first.value;
          yield* events;
        }
        return;
      } finally {
        await events.return();
      }
    } finally {
      lease.release();
    }
  }
}

/** Calls `use` with a model of the first placement that is loaded or can be. */
export async function withModel<Result>(
  { pool, log, monotonic }: GenerateParts,
  route: Route,
  use: (model: Model) => Result,
  signal: AbortSignal,
): Promise<Result> {
  const order = placementOrder(route.placements, (placement) => pool.failure(placement)?.at, monotonic());
  let failure: unknown;
  for (const placement of order) {
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
  const waits = failures.map((failure) => retryAfter(failure, now));
  return loadFailed(route, { cause: failures[0]?.error, retryAfter: Math.min(...waits) });
}

const ENGINE_FAILURES: readonly ErrorCode[] = ["engine_crashed", "engine_unavailable", "model_load_failed"];

const isEngineFailure = (error: unknown): boolean =>
  error instanceof GatewayError && ENGINE_FAILURES.includes(error.code);

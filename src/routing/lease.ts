import type { Log } from "../core/log.ts";
import { GatewayError } from "../errors.ts";
import { type Lease, type Pool, retryAfter } from "./pool.ts";
import type { Placement, Route } from "./route.ts";

/** A lease, or an error that is fit for clients: what a driver says of files and processes is for the log only. */
export async function leaseOf(
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

/** Every placement could not be loaded a moment ago. */
export function coolingDown(pool: Pool, route: Route, now: number): GatewayError {
  const failures = route.placements.flatMap((placement) => pool.failure(placement) ?? []);
  const waits = failures.map((failure) => retryAfter(failure, now, route.routing.cooldownMs));
  return loadFailed(route, { cause: failures[0]?.error, retryAfter: Math.min(...waits) });
}

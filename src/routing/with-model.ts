import type { Model } from "../core/driver.ts";
import { isEngineFailure } from "./failures.ts";
import type { GenerateParts } from "./generate.ts";
import { coolingDown, leaseOf } from "./lease.ts";
import { type Plan, planAttempts } from "./plan.ts";
import type { Lease } from "./pool.ts";
import type { Route } from "./route.ts";

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

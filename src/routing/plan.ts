import type { PlacementStates } from "./placement-state.ts";
import type { Pool } from "./pool.ts";
import type { Placement, Route, Skipped } from "./route.ts";
import type { Candidate, Ranked } from "./strategy/candidate.ts";
import { type RequestTraits, rank, type StrategyParts } from "./strategy/strategies.ts";

/** A placement in its turn. */
export type PlannedAttempt = Ranked & { readonly placement: Placement };

/** The placements of a route in the order in which a request tries them. */
export interface Plan {
  readonly order: readonly PlannedAttempt[];
  readonly skipped: readonly Skipped[];
}

export interface PlanParts extends StrategyParts {
  readonly pool: Pick<Pool, "failure" | "engineLoad">;
  readonly states: PlacementStates;
}

/**
 * Chooses the placements for a request. Those that could not be loaded a moment ago are left out; so are those that kept
 * failing, unless that is true of all: then the one that rests no longer than the others is tried.
 */
export function planAttempts(route: Route, traits: RequestTraits, parts: PlanParts, now: number): Plan {
  const { pool, states } = parts;
  const { strategy, cooldownMs, healthCheckMs } = route.routing;
  const skipped: Skipped[] = [];
  const resting: Placement[] = [];
  /** Health checks try to load them: no request waits for that while another placement is well. */
  const unloaded: Placement[] = [];
  const usable: Placement[] = [];
  for (const placement of route.placements) {
    const failedAt = pool.failure(placement)?.at;
    const { circuit } = states.of(placement);
    if (failedAt !== undefined && now - failedAt < cooldownMs) {
      skipped.push({ id: placement.id, reason: "could not be loaded" });
    } else if (failedAt !== undefined && healthCheckMs > 0) unloaded.push(placement);
    else if (circuit.admits(now)) usable.push(placement);
    else {
      resting.push(placement);
      const reason = circuit.state(now) === "open" ? "kept failing" : "is being probed";
      skipped.push({ id: placement.id, reason });
    }
  }
  const tried = [usable, unloaded, resting].find(({ length }) => length > 0) ?? [];
  if (tried !== unloaded) {
    for (const { id } of unloaded) skipped.push({ id, reason: "could not be loaded" });
  }
  const byId = new Map(tried.map((placement) => [placement.id, placement]));
  const ranked = rank(
    strategy,
    tried.map((placement) => candidateOf(placement, parts)),
    traits,
    parts,
  );
  const order = ranked.flatMap((one) => {
    const placement = byId.get(one.id);
    return placement === undefined ? [] : [{ ...one, placement }];
  });
  return { order, skipped: skipped.filter(({ id }) => !byId.has(id)) };
}

function candidateOf(placement: Placement, { pool, states }: PlanParts): Candidate {
  const { inFlight, latencyMs } = states.of(placement);
  return { id: placement.id, weight: placement.weight, inFlight, latencyMs, ...pool.engineLoad(placement) };
}

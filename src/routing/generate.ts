import type { GenerationEvent } from "../core/generation.ts";
import { type GenerationObserver, unobservedGeneration } from "../core/observer.ts";
import { coolingDown } from "./lease.ts";
import { type PlanParts, planAttempts } from "./plan.ts";
import { Race, type RaceParts } from "./race.ts";
import type { Prepare, Route, RoutingHints } from "./route.ts";
import { prefixBlocks } from "./strategy/prefix.ts";

export type GenerateParts = PlanParts & RaceParts;

/** Of a request that says nothing of itself. */
const NO_HINTS: RoutingHints = { prefix: () => "", session: undefined, routed: () => undefined };

/**
 * The one path of every generation: leases a model, prepares the request for it and passes its events on. A placement
 * that cannot be loaded, whose engine fails or is overloaded before the first event, or which cannot do what is asked
 * gives way to the next one; one that is slow to its first token is joined by the next, and who gives a token first answers.
 * After the first event a failure is the caller's. The lease ends with the loop, however it ends.
 */
export async function* generate(
  parts: GenerateParts,
  route: Route,
  prepare: Prepare,
  signal: AbortSignal,
  observer: GenerationObserver = unobservedGeneration(),
  hints: RoutingHints = NO_HINTS,
): AsyncGenerator<GenerationEvent, void, undefined> {
  const { pool, monotonic, budget, prefixes } = parts;
  const blocks = needsPrefix(route) ? prefixBlocks(hints.prefix()) : [];
  const session = route.routing.sessionAffinity ? hints.session : undefined;
  const plan = planAttempts(route, { blocks, session }, parts, monotonic());
  const { skipped } = plan;
  if (plan.order.length === 0) {
    hints.routed({ attempts: [], skipped });
    throw coolingDown(pool, route, monotonic());
  }
  budget.request();
  const race = new Race(plan, { route, prepare, signal, observer }, parts);
  try {
    const winner = await race.winner().finally(() => {
      if (!signal.aborted) hints.routed({ attempts: race.attempts, skipped });
    });
    prefixes.learn(blocks, winner.attempt.id);
    try {
      yield* winner.held;
      if (winner.rest !== undefined) yield* winner.rest;
    } catch (error) {
      winner.failed(error);
      throw error;
    }
  } finally {
    await race.end();
  }
}

const needsPrefix = ({ routing, placements }: Route): boolean =>
  routing.strategy === "prefix_affinity" && placements.length > 1;

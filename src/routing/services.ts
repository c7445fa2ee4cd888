import type { LoadContext, Model } from "../core/driver.ts";
import type { Log } from "../core/log.ts";
import { GatewayError } from "../errors.ts";
import { type GenerateParts, generate } from "./generate.ts";
import { FirstTokenTimes, hedgeDelay } from "./hedging.ts";
import { loadFailed } from "./lease.ts";
import type { PlacementStates } from "./placement-state.ts";
import type { Pool } from "./pool.ts";
import { RetryBudget } from "./retry-budget.ts";
import type {
  Placement,
  PlacementStatus,
  Readiness,
  Route,
  RouteFacts,
  RouteStatus,
  Services,
} from "./route.ts";
import type { Router } from "./router.ts";
import { PrefixTable } from "./strategy/prefix.ts";
import { withModel } from "./with-model.ts";

/** Blocks of prompts that are remembered for each model, some 100 bytes each. */
const REMEMBERED_BLOCKS = 1 << 16;

export interface ServiceParts {
  readonly router: Router;
  readonly pool: Pool;
  readonly log: Log;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
  /** Milliseconds since 1970. */
  wallClock(): number;
  /** 0 to below 1, by chance. */
  random(): number;
  readonly states: PlacementStates;
  context(route: Route): LoadContext;
  /** Calls back once after a time in milliseconds; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export function createServices({
  router,
  pool,
  log,
  monotonic,
  wallClock,
  random,
  states,
  context,
  after,
}: ServiceParts): Services & Preloading {
  const inspected = new Map<string, Promise<RouteFacts | null>>();
  const waiting = new Set(router.routes.filter(({ preload }) => preload));
  const memories = new Map<string, Pick<GenerateParts, "budget" | "prefixes" | "firstTokens">>();
  const partsOf = ({ name, routing }: Route): GenerateParts => {
    const memory = memories.get(name) ?? {
      budget: new RetryBudget(routing.retryBudget),
      prefixes: new PrefixTable(REMEMBERED_BLOCKS),
      firstTokens: new FirstTokenTimes(),
    };
    memories.set(name, memory);
    return { pool, states, log, monotonic, wallClock, random, after, ...memory };
  };
  return {
    routes: () => router.routes,
    resolve: (name) => router.resolve(name),
    generate: (route, ...call) => generate(partsOf(route), route, ...call),
    async facts(route) {
      for (const placement of route.placements) {
        const model = pool.loaded(placement);
        if (model !== undefined) return factsOf(placement.driver.driver, model);
      }
      const facts = inspected.get(route.name) ?? inspect(route, context(route), log);
      inspected.set(route.name, facts);
      // Files that cannot be read now may be there at the next call.
      if ((await facts) === null) inspected.delete(route.name);
      return facts;
    },
    withModel: (route, use, signal) => withModel(partsOf(route), route, use, signal),
    async ready(signal) {
      const preloaded = router.routes.filter(({ preload }) => preload);
      const found = await Promise.all(
        preloaded.map(
          async (route) => [route.name, await problemOf(route, pool, waiting.has(route), signal)] as const,
        ),
      );
      const problems = Object.fromEntries(
        found.filter((entry): entry is [string, string] => entry[1] !== null),
      );
      return { ready: Object.keys(problems).length === 0, problems } satisfies Readiness;
    },
    placements: (route) => route.placements.map((placement) => placementStatus(placement, pool)),
    routing: (route) => routeStatus(route, partsOf(route)),
    load: (route, signal) => loadForClient(route, pool, log, signal),
    async unload(route) {
      await Promise.all(route.placements.map((placement) => pool.unload(route, placement)));
    },
    async preload(signal) {
      for (const route of waiting) {
        await loadOne(route, pool, log, signal);
        waiting.delete(route);
      }
    },
  };
}

export interface Preloading {
  /** Loads the routes that ask for it, one after the other; throws what the last placement of the first failing one throws. */
  preload(signal: AbortSignal): Promise<void>;
}

async function loadOne(route: Route, pool: Pool, log: Log, signal: AbortSignal): Promise<void> {
  for (const [index, placement] of route.placements.entries()) {
    try {
      (await pool.acquire(route, placement, signal)).release();
      return;
    } catch (error) {
      if (signal.aborted || index === route.placements.length - 1) throw error;
      log.warn({ model: route.name, placement: placement.id, err: error }, "trying the next placement");
    }
  }
}

async function loadForClient(route: Route, pool: Pool, log: Log, signal: AbortSignal): Promise<void> {
  try {
    await loadOne(route, pool, log, signal);
  } catch (error) {
    if (signal.aborted || error instanceof GatewayError) throw error;
    log.error({ model: route.name, err: error }, "the model could not be loaded");
    throw loadFailed(route, { cause: error });
  }
}

function placementStatus(placement: Placement, pool: Pool): PlacementStatus {
  const { id, driver } = placement;
  const now = pool.state(placement);
  const progress = now.state === "loading" ? now.progress : null;
  if (now.state !== "loaded") return { id, driver: driver.driver, state: now.state, progress, loaded: null };
  const { slots, precision, contextLength } = now.model;
  const { state, ...status } = now.model.status();
  return {
    id,
    driver: driver.driver,
    state,
    progress,
    loaded: { slots, precision, contextLength, ...status },
  };
}

function routeStatus(route: Route, parts: GenerateParts): RouteStatus {
  const { pool, states, budget, monotonic, firstTokens } = parts;
  const now = monotonic();
  const placements = route.placements.map((placement) => {
    const state = states.of(placement);
    const failedAt = pool.failure(placement)?.at;
    const restsUntil = Math.max(
      state.circuit.opensAt ?? 0,
      failedAt === undefined ? 0 : failedAt + route.routing.cooldownMs,
    );
    return {
      placement,
      circuit: state.circuit.state(now),
      restMs: Math.max(0, restsUntil - now),
      state,
      waiting: pool.engineLoad(placement).waiting,
    };
  });
  const hedgingMs = hedgeDelay(route.routing.hedging, firstTokens) ?? null;
  return { retriesLeft: budget.left, hedgingMs, placements };
}

async function problemOf(
  route: Route,
  pool: Pool,
  waiting: boolean,
  signal: AbortSignal,
): Promise<string | null> {
  const models = route.placements.flatMap((placement) => pool.loaded(placement) ?? []);
  const [model] = models;
  if (model !== undefined) {
    return model.check(signal).then(
      () => null,
      (error: unknown) => (error instanceof GatewayError ? error.message : "the engine does not answer"),
    );
  }
  if (waiting || route.placements.some((placement) => pool.loading(placement))) return "loading";
  if (route.placements.some((placement) => pool.failure(placement) !== undefined))
    return "could not be loaded";
  // Unloaded after its ttl: the next request loads it.
  return null;
}

async function inspect(route: Route, context: LoadContext, log: Log): Promise<RouteFacts | null> {
  for (const placement of route.placements) {
    try {
      return factsOf(placement.driver.driver, await placement.driver.inspect(context));
    } catch (error) {
      log.warn(
        { model: route.name, placement: placement.id, err: error },
        "the model's files cannot be read",
      );
    }
  }
  return null;
}

const factsOf = (
  driver: string,
  { precision, contextLength }: Pick<Model, "precision" | "contextLength">,
): RouteFacts => ({ driver, precision, contextLength });

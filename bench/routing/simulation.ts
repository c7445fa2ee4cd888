import { routerSettings, routingRules } from "../../src/config/routing.ts";
import { GatewayError } from "../../src/errors.ts";
import { PlacementStates } from "../../src/routing/placement-state.ts";
import { planAttempts } from "../../src/routing/plan.ts";
import { RetryBudget } from "../../src/routing/retry-budget.ts";
import type { Placement, Route } from "../../src/routing/route.ts";
import { PrefixTable, prefixBlocks } from "../../src/routing/strategy/prefix.ts";
import type { StrategyName } from "../../src/routing/strategy/strategies.ts";
import { plain } from "../../src/templates/plain.ts";
import { ENGINE, type Job, SimulatedEngine } from "./engine-model.ts";
import { Random } from "./random.ts";
import { type SimulatedRequest, tokensOf } from "./workload.ts";

/** Seconds of a step, and between two looks at the engines' metrics. */
const STEP = 0.01;
const METRICS_INTERVAL = 1;
/** Seconds at the start that are not counted: caches are empty then. */
export const WARM_UP = 60;

export interface Scenario {
  readonly strategy: StrategyName;
  readonly engines: number;
  /** Gateways that do not know of each other, between which requests fall by chance. */
  readonly gateways: number;
  /** How often an engine dies, in seconds of the whole fleet's time, and for how long; 0: never. */
  readonly deathEvery: number;
  readonly deathSeconds: number;
}

export interface Outcome {
  /** Share of the prompt tokens that were cached. */
  readonly hitRate: number;
  /** The most requests at one engine, beside the mean: of the mean over time, of each engine. */
  readonly imbalance: number;
  /** Milliseconds. */
  readonly firstToken: { readonly p50: number; readonly p95: number };
  /** Shares of the requests: cut off amid their answer; not answered at all. */
  readonly cut: number;
  readonly failed: number;
}

/** Runs requests through the gateway's own routing code and engines that are a model. */
export function simulate(
  requests: readonly SimulatedRequest[],
  seconds: number,
  scenario: Scenario,
): Outcome {
  const random = new Random(99);
  /** Engines die at the same times whatever the strategy. */
  const deaths = new Random(7);
  const engines = Array.from({ length: scenario.engines }, () => new SimulatedEngine());
  const waiting = engines.map(() => 0);
  const clock = { now: 0 };
  const gateways = Array.from(
    { length: scenario.gateways },
    () => new SimulatedGateway(scenario, waiting, random),
  );
  const times: number[] = [];
  const busy = engines.map(() => 0);
  const counts = { asked: 0, cut: 0, failed: 0 };
  let next = 0;
  let metricsAt = 0;
  let death = scenario.deathEvery === 0 ? Number.POSITIVE_INFINITY : deaths.exponential(scenario.deathEvery);
  const returns: { at: number; engine: SimulatedEngine }[] = [];
  for (; clock.now < seconds; clock.now += STEP) {
    const { now } = clock;
    if (now >= metricsAt) {
      for (const [at, engine] of engines.entries()) waiting[at] = engine.waiting;
      metricsAt = now + METRICS_INTERVAL;
    }
    for (const one of returns) if (one.at <= now) one.engine.alive = true;
    if (now >= death) {
      const victim = engines[Math.floor(deaths.next() * engines.length)];
      death = now + deaths.exponential(scenario.deathEvery);
      if (victim?.alive) {
        const { untold, told } = victim.die();
        counts.cut += told;
        returns.push({ at: now + scenario.deathSeconds, engine: victim });
        for (const job of untold) if (job instanceof Attempted) job.lost();
      }
    }
    for (let request = requests[next]; request !== undefined && request.at <= now; request = requests[next]) {
      next += 1;
      const counted = now >= WARM_UP;
      if (counted) counts.asked += 1;
      const gateway = gateways[Math.floor(random.next() * gateways.length)];
      gateway?.ask(request, engines, clock, {
        firstToken: (ms) => void (counted && times.push(ms)),
        failed: () => {
          if (counted) counts.failed += 1;
        },
      });
    }
    for (const [at, engine] of engines.entries()) {
      engine.advance(STEP);
      if (now >= WARM_UP) busy[at] = (busy[at] ?? 0) + engine.busy;
      else engine.cachedTokens = engine.computedTokens = 0;
    }
  }
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const cached = sum(engines.map(({ cachedTokens }) => cachedTokens));
  const computed = sum(engines.map(({ computedTokens }) => computedTokens));
  times.sort((one, other) => one - other);
  const quantile = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN;
  return {
    hitRate: cached / (cached + computed),
    imbalance: Math.max(...busy) / (sum(busy) / busy.length),
    firstToken: { p50: quantile(0.5), p95: quantile(0.95) },
    cut: counts.cut / counts.asked,
    failed: counts.failed / counts.asked,
  };
}

/** The share of prompt tokens that one engine with the caches of all would have cached that got every request at once. */
export function bestHitRate(requests: readonly SimulatedRequest[], engines: number): number {
  const seen = new Set<number>();
  const tokens = { cached: 0, all: 0 };
  for (const { at, text } of requests) {
    const blocks = prefixBlocks(text);
    let cached = 0;
    while (cached < blocks.length && seen.has(blocks[cached] ?? 0)) cached += 1;
    for (const block of blocks.toReversed()) {
      seen.delete(block);
      seen.add(block);
    }
    for (const block of seen) {
      if (seen.size <= engines * ENGINE.cacheBlocks) break;
      seen.delete(block);
    }
    if (at < WARM_UP) continue;
    tokens.cached += cached * 16;
    tokens.all += tokensOf(text);
  }
  return tokens.cached / tokens.all;
}

interface Told {
  firstToken(ms: number): void;
  failed(): void;
}

/** A job at an engine, as its gateway waits for it. */
class Attempted implements Job {
  readonly blocks: readonly number[];
  readonly promptTokens: number;
  readonly answerTokens: number;
  readonly onFirstToken: () => void;
  readonly onEnd: () => void;
  /** The engine died before the first token. */
  readonly lost: () => void;

  constructor(parts: Job & { lost: () => void }) {
    this.blocks = parts.blocks;
    this.promptTokens = parts.promptTokens;
    this.answerTokens = parts.answerTokens;
    this.onFirstToken = parts.onFirstToken;
    this.onEnd = parts.onEnd;
    this.lost = parts.lost;
  }
}

/** The gateway's routing without its HTTP: plan, attempts, circuits, budget, as `src/routing/generate.ts` has them. */
class SimulatedGateway {
  readonly #states = new PlacementStates();
  readonly #prefixes = new PrefixTable(1 << 16);
  readonly #route: Route;
  readonly #budget: RetryBudget;
  readonly #waiting: readonly number[];
  readonly #random: Random;

  constructor({ strategy, engines }: Scenario, waiting: readonly number[], random: Random) {
    const routing = {
      ...routingRules({ fallbacks: [], context_window_fallbacks: [] }, routerSettings.parse({})),
      strategy,
    };
    this.#budget = new RetryBudget(routing.retryBudget);
    this.#waiting = waiting;
    this.#random = random;
    const placements = Array.from(
      { length: engines },
      (_, at): Placement => ({
        id: `m/${at}`,
        index: at,
        weight: 1,
        driver: {
          driver: "simulated",
          inspect: () => Promise.reject(new Error("nothing to inspect")),
          load: () => Promise.reject(new Error("nothing to load")),
        },
      }),
    );
    this.#route = {
      name: "m",
      aliases: [],
      instructAliases: [],
      template: plain,
      multiTurn: "single",
      truncateHistory: false,
      defaults: plain.defaults,
      maxModelLen: undefined,
      maxLogprobs: 5,
      requestTimeout: 0,
      preload: false,
      ttl: 0,
      placements,
      routing,
    };
  }

  ask(
    request: SimulatedRequest,
    engines: readonly SimulatedEngine[],
    clock: { now: number },
    told: Told,
  ): void {
    const began = clock.now;
    const blocks = prefixBlocks(request.text);
    const milliseconds = (): number => clock.now * 1000;
    const { routing, placements } = this.#route;
    const plan = planAttempts(
      this.#route,
      { blocks, session: undefined },
      {
        states: this.#states,
        prefixes: this.#prefixes,
        random: this.#random.next,
        pool: {
          failure: () => undefined,
          engineLoad: (placement) => ({
            waiting: this.#waiting[placements.indexOf(placement)] ?? null,
            kvUsage: null,
          }),
        },
      },
      milliseconds(),
    );
    this.#budget.request();
    const attempt = (index: number, retries: number): void => {
      const chosen = plan.order[index];
      const engine = chosen && engines[placements.indexOf(chosen.placement)];
      if (chosen === undefined || engine === undefined) {
        told.failed();
        return;
      }
      const state = this.#states.of(chosen.placement);
      const sent = clock.now;
      state.inFlight += 1;
      state.circuit.begun(milliseconds());
      const end = (): void => {
        state.inFlight -= 1;
        state.circuit.untold();
      };
      const lost = (): void => {
        const failure = new GatewayError("engine_unavailable", "It died.");
        state.failed(failure, { at: 0, now: milliseconds() }, routing);
        end();
        if (retries >= routing.numRetries || !this.#budget.take()) told.failed();
        else attempt(index + 1, retries + 1);
      };
      if (!engine.alive) {
        lost();
        return;
      }
      engine.add(
        new Attempted({
          blocks,
          promptTokens: tokensOf(request.text),
          answerTokens: request.answerTokens,
          onFirstToken: () => {
            state.answered((clock.now - sent) * 1000, milliseconds());
            told.firstToken((clock.now - began) * 1000);
          },
          onEnd: end,
          lost,
        }),
      );
      this.#prefixes.learn(blocks, chosen.id);
    };
    attempt(0, 0);
  }
}

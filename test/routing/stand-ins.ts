import { routerSettings, routingRules } from "../../src/config/routing.ts";
import type { BoundDriver, LoadContext, Model, ModelDescription } from "../../src/core/driver.ts";
import { type GenerationEvent, type GenerationRequest, NEUTRAL } from "../../src/core/generation.ts";
import type { Log } from "../../src/core/log.ts";
import type { PromptTemplate } from "../../src/core/template.ts";
import type { GenerateParts } from "../../src/routing/generate.ts";
import { FirstTokenTimes } from "../../src/routing/hedging.ts";
import { PlacementStates } from "../../src/routing/placement-state.ts";
import { Pool } from "../../src/routing/pool.ts";
import { RetryBudget } from "../../src/routing/retry-budget.ts";
import type { Placement, Route, RoutingRules } from "../../src/routing/route.ts";
import { PrefixTable } from "../../src/routing/strategy/prefix.ts";

/** A promise that the test settles. */
export interface Gate {
  readonly passed: Promise<void>;
  open(): void;
  fail(error: Error): void;
}

export function gate(): Gate {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => undefined);
  return { passed: promise, open: resolve, fail: reject };
}

export interface TestDriver extends BoundDriver {
  loads: number;
  closes: number;
  /** Generations that have begun and not ended. */
  running: number;
}

export interface TestDriverOptions {
  readonly name?: string;
  readonly controlTokens?: readonly string[];
  /** Awaited by each load; the load's number from 1 on is passed in. */
  readonly load?: (count: number, signal: AbortSignal) => Promise<void>;
  readonly inspect?: () => Promise<void>;
  /** Called before event number `index`; may throw. */
  readonly before?: (index: number) => Promise<void>;
  readonly check?: (signal: AbortSignal) => Promise<void>;
}

const finish: GenerationEvent = { type: "finish", index: 0, reason: "stop", completionTokens: 1 };
const start: GenerationEvent = { type: "start", promptTokens: 1, cachedTokens: 0, queuedMs: 0 };

export function testDriver(options: TestDriverOptions = {}): TestDriver {
  const name = options.name ?? "test";
  const description: ModelDescription = {
    name: "tiny",
    contextLength: 64,
    vocabularySize: 10,
    precision: "f16",
    controlTokens: options.controlTokens ?? [],
  };
  const driver: TestDriver = {
    driver: name,
    loads: 0,
    closes: 0,
    running: 0,
    async inspect() {
      await options.inspect?.();
      return description;
    },
    async load(_context, signal) {
      driver.loads += 1;
      await options.load?.(driver.loads, signal);
      return model();
    },
  };
  const model = (): Model => ({
    ...description,
    slots: 1,
    fingerprint: name,
    endOfText: 0,
    tokenize: () => [1],
    detokenize: () => "",
    token: (id) => ({ id, bytes: new Uint8Array(), control: false }),
    controlToken: () => undefined,
    status: () => ({ state: "ready", busySlots: 0, waiting: 0, memoryBytes: null, restarts: 0 }),
    async *generate(_request: GenerationRequest, signal: AbortSignal) {
      driver.running += 1;
      try {
        for (const [index, event] of [start, finish].entries()) {
          await options.before?.(index);
          signal.throwIfAborted();
          yield event;
        }
      } finally {
        driver.running -= 1;
      }
    },
    check: async (signal) => options.check?.(signal),
    async close() {
      driver.closes += 1;
    },
  });
  return driver;
}

export const template: PromptTemplate = {
  name: "plain",
  about: "For tests.",
  controlTokens: [],
  end: [],
  defaults: {
    ...NEUTRAL,
    maxTokens: null,
  },
  strip: false,
  render: () => ({ parts: [], end: [] }),
};

export function testRoute(drivers: readonly BoundDriver[], parts: Partial<Route> = {}): Route {
  const name = parts.name ?? "tiny";
  const placements: Placement[] = drivers.map((driver, index) => ({
    id: `${name}/${index}`,
    index,
    weight: 1,
    driver,
  }));
  return {
    name,
    aliases: [],
    instructAliases: [],
    template,
    multiTurn: "single",
    truncateHistory: false,
    defaults: template.defaults,
    maxModelLen: undefined,
    maxLogprobs: 5,
    requestTimeout: 0,
    preload: false,
    ttl: 0,
    placements,
    routing: testRouting(),
    ...parts,
  };
}

/** The defaults, without health checks. */
export const testRouting = (parts: Partial<RoutingRules> = {}): RoutingRules => ({
  ...routingRules(
    { fallbacks: [], context_window_fallbacks: [] },
    routerSettings.parse({ health_check_interval: 0 }),
  ),
  ...parts,
});

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: object;
}

export function recordingLog(lines: LogLine[] = []): Log & { lines: LogLine[] } {
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields });
  };
  const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), lines };
  return { ...log, child: () => recordingLog(lines) };
}

/** A clock that stands still until it is moved, and then calls back what is due. */
export class Clock {
  now = 0;
  readonly #timers = new Map<object, { due: number; callback: () => void }>();

  readonly monotonic = (): number => this.now;

  readonly after = (ms: number, callback: () => void): (() => void) => {
    const timer = {};
    this.#timers.set(timer, { due: this.now + ms, callback });
    return () => {
      this.#timers.delete(timer);
    };
  };

  advance(ms: number): void {
    this.now += ms;
    for (const [timer, { due, callback }] of this.#timers) {
      if (due > this.now) continue;
      this.#timers.delete(timer);
      callback();
    }
  }
}

export const context = (log: Log): LoadContext => ({
  name: "tiny",
  cacheDir: "",
  maxModelLen: undefined,
  log,
  onProgress: () => undefined,
});

export interface PoolFixture {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log: Log & { lines: LogLine[] };
  /** Everything that generations are made with; chance always says 0.5. */
  readonly parts: GenerateParts;
}

/** How long running answers have when their model is unloaded. */
export const GRACE_MS = 5000;

export function testPool(): PoolFixture {
  const clock = new Clock();
  const log = recordingLog();
  const pool = new Pool({
    log,
    context: (_route, onProgress) => ({ ...context(log), onProgress }),
    showLoad: () => ({ update: () => undefined, end: () => undefined }),
    monotonic: clock.monotonic,
    after: clock.after,
    graceMs: GRACE_MS,
  });
  const parts = {
    pool,
    log,
    monotonic: clock.monotonic,
    wallClock: () => 1_000_000 + clock.now,
    random: () => 0.5,
    states: new PlacementStates(),
    budget: new RetryBudget(0.1),
    prefixes: new PrefixTable(1000),
    firstTokens: new FirstTokenTimes(),
    after: clock.after,
  };
  return { pool, clock, log, parts };
}

export const never = new AbortController().signal;

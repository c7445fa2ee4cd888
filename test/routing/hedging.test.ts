import { expect, test } from "vitest";
import { routerSettings, routingRules } from "../../src/config/routing.ts";
import { type GenerationRequest, NEUTRAL, ORDINARY } from "../../src/core/generation.ts";
import { type GenerationObserver, unobservedGeneration } from "../../src/core/observer.ts";
import { GatewayError } from "../../src/errors.ts";
import { generate } from "../../src/routing/generate.ts";
import { FirstTokenTimes, type Hedging, hedgeDelay } from "../../src/routing/hedging.ts";
import type { Routing } from "../../src/routing/route.ts";
import { gate, never, type TestDriver, testDriver, testPool, testRoute, testRouting } from "./stand-ins.ts";

const DELAY = 100;
const request: GenerationRequest = {
  prompt: [1],
  choices: 1,
  maxTokens: 1,
  sampling: { ...NEUTRAL, logitBias: [], seed: null },
  stopTokens: [],
  stopStrings: [],
  logprobs: null,
  promptLogprobs: null,
  ...ORDINARY,
};
const crash = new GatewayError("engine_crashed", "The engine died.");

/** One that has begun, and gives its first token when the gate opens. */
function slow(): { driver: TestDriver; opens: () => void; fails: (error?: Error) => void } {
  const token = gate();
  const driver = testDriver({ before: async (index) => (index === 1 ? token.passed : undefined) });
  return { driver, opens: token.open, fails: (error = crash) => token.fail(error) };
}

/** What was done has come as far as it can without a clock. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function raceOf(drivers: readonly TestDriver[], rules: Parameters<typeof testRouting>[0] = {}) {
  const fixture = testPool();
  const hedging: Hedging = { afterMs: DELAY };
  const route = testRoute(drivers, { routing: testRouting({ hedging, ...rules }) });
  for (const placement of route.placements) (await fixture.pool.acquire(route, placement, never)).release();
  const ask = (signal = never, observer = unobservedGeneration()) => {
    const routings: Routing[] = [];
    const hints = {
      prefix: () => "",
      session: undefined,
      routed: (routing: Routing) => void routings.push(routing),
    };
    const done = (async () => {
      const types: string[] = [];
      for await (const { type } of generate(fixture.parts, route, () => request, signal, observer, hints))
        types.push(type);
      return types;
    })();
    done.catch(() => undefined);
    return { done, attempts: () => routings[0]?.attempts };
  };
  const pass = async (ms: number) => {
    await settled();
    fixture.clock.advance(ms);
    await settled();
  };
  return { ...fixture, route, ask, pass };
}
const ORDER = { reason: "config order" };

test("one that gives no token in time is joined by the next, which answers in its place; nothing comes twice", async () => {
  const first = slow();
  const second = testDriver();
  const race = await raceOf([first.driver, second]);
  const { done, attempts } = race.ask();
  await race.pass(DELAY - 1);
  expect(attempts()).toBeUndefined();
  await race.pass(1);
  expect(await done).toEqual(["start", "finish"]);
  expect(attempts()).toEqual([
    { id: "tiny/0", ...ORDER, outpaced: true },
    { id: "tiny/1", ...ORDER, hedge: true },
  ]);
  expect(race.parts.budget.left).toBe(9);
  first.opens();
  await settled();
  expect(first.driver.running).toBe(0);
  const [placement] = race.route.placements;
  if (placement === undefined) throw new Error("there is no placement");
  expect(race.parts.states.of(placement)).toMatchObject({ inFlight: 0, failures: 0, latencyMs: DELAY });
});

test("one that gives its token in time runs alone; one that comes first after all answers", async () => {
  const second = slow();
  const first = slow();
  const race = await raceOf([first.driver, second.driver]);
  const quick = race.ask();
  await settled();
  first.opens();
  expect(await quick.done).toEqual(["start", "finish"]);
  await race.pass(10 * DELAY);
  expect(second.driver.running).toBe(0);
  expect(quick.attempts()).toEqual([{ id: "tiny/0", ...ORDER }]);

  const late = slow();
  const again = await raceOf([late.driver, second.driver]);
  const { done, attempts } = again.ask();
  await again.pass(DELAY);
  expect(second.driver.running).toBe(1);
  late.opens();
  expect(await done).toEqual(["start", "finish"]);
  expect(attempts()).toEqual([
    { id: "tiny/1", ...ORDER, hedge: true, outpaced: true },
    { id: "tiny/0", ...ORDER },
  ]);
});

test("a failure of either leaves the answer to the other; of both, to the next", async () => {
  for (const which of [0, 1]) {
    const both = [slow(), slow()];
    const race = await raceOf(both.map(({ driver }) => driver));
    const { done, attempts } = race.ask();
    await race.pass(DELAY);
    both[which]?.fails();
    await settled();
    expect(attempts()).toBeUndefined();
    both[1 - which]?.opens();
    expect(await done).toEqual(["start", "finish"]);
    expect(attempts()).toMatchObject([{ error: "engine_crashed" }, { id: `tiny/${1 - which}` }]);
  }
  const three = [slow(), slow()];
  const race = await raceOf([...three.map(({ driver }) => driver), testDriver()]);
  const { done, attempts } = race.ask();
  await race.pass(DELAY);
  for (const { fails } of three) fails();
  expect(await done).toEqual(["start", "finish"]);
  expect(attempts()).toMatchObject([
    { error: "engine_crashed" },
    { error: "engine_crashed" },
    { id: "tiny/2" },
  ]);
});

test.each([
  ["the second refuses the request", 1, "invalid_value", ["invalid_value"]],
  ["the first refuses it", 0, "invalid_value", ["lost"]],
  ["the second fails", 1, "engine_crashed", ["engine_crashed"]],
  ["the first fails", 0, "engine_crashed", ["won"]],
] as const)("what became of a second attempt is told once: %s", async (_, which, code, outcome) => {
  const both = [slow(), slow()];
  const race = await raceOf(both.map(({ driver }) => driver));
  const outcomes: unknown[] = [];
  const observer: GenerationObserver = {
    ...unobservedGeneration(),
    hedge: () => ({
      leased: (leased) => leased,
      gone: (error) => outcomes.push(error instanceof GatewayError ? error.code : "lost"),
      won: () => outcomes.push("won"),
    }),
  };
  const { done } = race.ask(never, observer);
  await race.pass(DELAY);
  both[which]?.fails(new GatewayError(code, "No."));
  await settled();
  both[1 - which]?.opens();
  await done.catch(() => undefined);
  expect(outcomes).toEqual(outcome);
});

test("a second attempt is a retry: none without budget, nor beyond num_retries, and none to a model that must be loaded", async () => {
  for (const rules of [{ numRetries: 0 }, { hedging: undefined }]) {
    const first = slow();
    const race = await raceOf([first.driver, testDriver()], rules);
    const { done, attempts } = race.ask();
    await race.pass(100 * DELAY);
    first.opens();
    await done;
    expect(attempts()).toEqual([{ id: "tiny/0", ...ORDER }]);
  }
  const race = await raceOf([slow().driver, testDriver()]);
  const hedged = [];
  for (let at = 0; at < 20; at += 1) {
    const { attempts } = race.ask();
    await race.pass(DELAY);
    hedged.push(attempts() !== undefined);
  }
  // Ten in reserve, and one for ten requests.
  expect(hedged.filter(Boolean).length).toBeLessThanOrEqual(12);
  expect(hedged.slice(0, 10)).toEqual(Array(10).fill(true));

  const first = slow();
  const unloaded = testDriver();
  const other = await raceOf([first.driver, unloaded]);
  const [, placement] = other.route.placements;
  if (placement === undefined) throw new Error("there is no placement");
  await other.pool.unload(other.route, placement);
  const { done, attempts } = other.ask();
  await other.pass(DELAY);
  first.opens();
  await done;
  expect(attempts()).toEqual([{ id: "tiny/0", ...ORDER }]);
  expect(unloaded.loads).toBe(1);
});

test("a client that leaves ends both", async () => {
  const both = [slow(), slow()];
  const race = await raceOf(both.map(({ driver }) => driver));
  const leaving = new AbortController();
  const { done } = race.ask(leaving.signal);
  await race.pass(DELAY);
  leaving.abort(new Error("client gone"));
  for (const { opens } of both) opens();
  await expect(done).rejects.toThrow("client gone");
  await settled();
  expect(both.map(({ driver }) => driver.running)).toEqual([0, 0]);
});

test("a percentile is known after some answers, and follows them", () => {
  const times = new FirstTokenTimes();
  const rule = { percentile: 95 };
  for (let ms = 1; ms < 20; ms += 1) times.note(ms);
  expect(hedgeDelay(rule, times)).toBeUndefined();
  for (let ms = 20; ms <= 100; ms += 1) times.note(ms);
  expect(hedgeDelay(rule, times)).toBe(96);
  for (let at = 0; at < 512; at += 1) times.note(1000);
  expect(hedgeDelay(rule, times)).toBe(1000);
});

test("the config says seconds or a percentile, for all models or one", () => {
  const rules = (settings: object, model: { hedging_delay?: number | string } = {}) =>
    routingRules({ fallbacks: [], context_window_fallbacks: [], ...model }, routerSettings.parse(settings))
      .hedging;
  expect(rules({})).toBeUndefined();
  expect(rules({ hedging_delay: 0.5 })).toEqual({ afterMs: 500 });
  expect(rules({ hedging_delay: "p99.5" })).toEqual({ percentile: 99.5 });
  expect(rules({ hedging_delay: 0.5 }, { hedging_delay: "p90" })).toEqual({ percentile: 90 });
  for (const wrong of [0, -1, "95", "p0", "p100", "p"])
    expect(routerSettings.safeParse({ hedging_delay: wrong }).success).toBe(false);
});

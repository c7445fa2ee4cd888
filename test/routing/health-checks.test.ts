import { expect, test } from "vitest";
import { GatewayError, OperatorError } from "../../src/errors.ts";
import { HealthChecks } from "../../src/routing/health-checks.ts";
import type { Route } from "../../src/routing/route.ts";
import { never, testDriver, testPool, testRoute, testRouting } from "./stand-ins.ts";

const routing = testRouting({ healthCheckMs: 30_000, allowedFails: 1 });

function checking(route: Route) {
  const fixture = testPool();
  const { pool, clock, log, parts } = fixture;
  const checks = new HealthChecks({ ...parts, pool, log, after: clock.after, routes: () => [route] });
  /** Lets seconds pass, and all that follows from each. */
  const pass = async (seconds: number): Promise<void> => {
    for (let at = 0; at < seconds; at += 1) {
      clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const circuit = (at: number) => {
    const placement = route.placements[at];
    if (placement === undefined) throw new Error("there is no such placement");
    return parts.states.of(placement).circuit.state(clock.now);
  };
  const load = async () => {
    for (const placement of route.placements) {
      (await pool.acquire(route, placement, never).catch(() => undefined))?.release();
    }
  };
  return { ...fixture, checks, pass, circuit, load };
}

test("a loaded placement that nothing was heard of is asked, left alone where it is ill, and asked again", async () => {
  let asked = 0;
  let ill = false;
  const check = async (): Promise<void> => {
    asked += 1;
    if (ill) throw new GatewayError("engine_unavailable", "no");
  };
  const route = testRoute([testDriver({ check }), testDriver()], { routing });
  const { pass, circuit, load } = checking(route);
  await pass(60);
  // Nobody wanted it yet.
  expect(asked).toBe(0);
  await load();
  await pass(61);
  expect(asked).toBe(3);
  ill = true;
  await pass(30);
  expect([asked, circuit(0)]).toEqual([4, "open"]);
  await pass(11);
  expect([asked, circuit(0)]).toEqual([5, "open"]);
  ill = false;
  await pass(21);
  expect([asked, circuit(0)]).toEqual([6, "closed"]);
});

test("one that does not answer in time is ill", async () => {
  const check = (signal: AbortSignal): Promise<void> =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const route = testRoute([testDriver({ check }), testDriver()], {
    routing: { ...routing, healthCheckMs: 1000, healthCheckTimeoutMs: 5000 },
  });
  const { pass, load, circuit } = checking(route);
  await load();
  await pass(5);
  expect(circuit(0)).toBe("closed");
  await pass(3);
  expect(circuit(0)).toBe("open");
});

test("one that could not be loaded is loaded after its rest, without a request", async () => {
  const driver = testDriver({
    load: async (count) => {
      if (count < 3) throw new OperatorError("away");
    },
  });
  const route = testRoute([driver, testDriver()], { routing });
  const { pass, load, pool } = checking(route);
  await load();
  expect(driver.loads).toBe(1);
  await pass(11);
  expect(driver.loads).toBe(2);
  await pass(11);
  expect(driver.loads).toBe(3);
  expect(pool.failure(route.placements[0] ?? { id: "", index: 0, weight: 1, driver })).toBeUndefined();
});

test("models with one placement, and those whose config says so, are not asked", async () => {
  let asked = 0;
  const check = async (): Promise<void> => {
    asked += 1;
  };
  for (const route of [
    testRoute([testDriver({ check })], { routing }),
    testRoute([testDriver({ check }), testDriver({ check })], { routing: { ...routing, healthCheckMs: 0 } }),
  ]) {
    const { pass, load } = checking(route);
    await load();
    await pass(100);
  }
  expect(asked).toBe(0);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Lease } from "../../src/routing/pool.ts";
import type { Placement, Route } from "../../src/routing/route.ts";
import { type Gate, GRACE_MS, gate, never, testDriver, testPool, testRoute } from "./stand-ins.ts";

function only(route: Route): Placement {
  const [placement] = route.placements;
  if (placement === undefined) throw new Error("the route has no placement");
  return placement;
}

/** Lets every promise that can settle do so. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test("a model is unloaded once its last answer has ended, and loaded again by the next request", async () => {
  const { pool } = testPool();
  const driver = testDriver();
  const route = testRoute([driver]);
  const lease = await pool.acquire(route, only(route), never);
  const unloaded = pool.unload(route, only(route));
  await settled();
  expect([driver.closes, pool.state(only(route)).state]).toEqual([0, "unloading"]);
  const next = pool.acquire(route, only(route), never);
  await settled();
  expect(driver.loads).toBe(1);
  lease.release();
  await unloaded;
  expect(driver.closes).toBe(1);
  (await next).release();
  expect([driver.loads, pool.state(only(route)).state]).toEqual([2, "loaded"]);
});

test("answers that take longer than the grace period are not waited for", async () => {
  const { pool, clock } = testPool();
  const driver = testDriver();
  const route = testRoute([driver]);
  await pool.acquire(route, only(route), never);
  const unloaded = pool.unload(route, only(route));
  await settled();
  clock.advance(GRACE_MS);
  await unloaded;
  expect(driver.closes).toBe(1);
});

test("a load that is under way is given up, and those that wait for it may try again", async () => {
  const { pool } = testPool();
  const driver = testDriver({
    load: (_count, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const route = testRoute([driver]);
  const waiting = pool.acquire(route, only(route), never);
  waiting.catch(() => {});
  await settled();
  expect(pool.state(only(route))).toEqual({ state: "loading", progress: 0 });
  await pool.unload(route, only(route));
  await expect(waiting).rejects.toMatchObject({ code: "engine_unavailable", retryAfter: 1 });
  expect(pool.state(only(route)).state).toBe("unloaded");
  expect(pool.failure(only(route))).toBeUndefined();
});

test("unloading what is not loaded is harmless, twice is harmless, and a failure is forgotten by it", async () => {
  const { pool } = testPool();
  const driver = testDriver({
    load: (count) => (count === 1 ? Promise.reject(new Error("no")) : Promise.resolve()),
  });
  const route = testRoute([driver]);
  await pool.unload(route, only(route));
  await pool.acquire(route, only(route), never).catch(() => {});
  expect(pool.state(only(route)).state).toBe("failed");
  await pool.unload(route, only(route));
  expect(pool.state(only(route)).state).toBe("unloaded");
  (await pool.acquire(route, only(route), never)).release();
  await Promise.all([pool.unload(route, only(route)), pool.unload(route, only(route))]);
  expect(driver.closes).toBe(1);
});

test("in any order of loads, unloads, answers and failures there is one model at most, and none at the end", async () => {
  const step = fc.constantFrom("acquire", "leave", "release", "unload", "finish load", "fail load", "later");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.constantFrom(0, 1), async (steps, ttl) => {
      const { pool, clock } = testPool();
      const loads: Gate[] = [];
      let open = 0;
      const driver = testDriver({
        async load(_count, signal) {
          const load = gate();
          loads.push(load);
          signal.addEventListener("abort", () => load.fail(new Error("aborted")));
          await load.passed;
          open += 1;
          expect(open - driver.closes).toBe(1);
        },
      });
      const route = testRoute([driver], { ttl });
      const leases: Lease[] = [];
      const asked: { answer: Promise<unknown>; leave: AbortController }[] = [];
      const unloads: Promise<void>[] = [];
      for (const what of steps) {
        if (what === "acquire") {
          const leave = new AbortController();
          const answer = pool.acquire(route, only(route), leave.signal).then(
            (lease) => leases.push(lease),
            () => {},
          );
          asked.push({ answer, leave });
        }
        if (what === "leave") asked.pop()?.leave.abort(new Error("gone"));
        if (what === "release") leases.shift()?.release();
        if (what === "unload") unloads.push(pool.unload(route, only(route)));
        if (what === "finish load") loads.shift()?.open();
        if (what === "fail load") loads.shift()?.fail(new Error("broken"));
        if (what === "later") clock.advance(1000);
        await settled();
      }
      // Whoever still waits gets its answer once loads may end, or once the pool is closed.
      for (const lease of leases) lease.release();
      const closed = pool.close();
      for (const load of loads) load.open();
      await settled();
      await closed;
      await Promise.all([...unloads, ...asked.map(({ answer }) => answer)]);
      expect(driver.closes).toBe(open);
    }),
    { numRuns: 1000 },
  );
});

import { expect, test } from "vitest";
import { OperatorError } from "../../src/errors.ts";
import type { Placement, Route } from "../../src/routing/route.ts";
import { gate, never, template, testDriver, testPool, testRoute } from "./stand-ins.ts";

function only(route: Route): Placement {
  const [placement] = route.placements;
  if (placement === undefined) throw new Error("the route has no placement");
  return placement;
}

test("a model is loaded once, however many ask at the same time", async () => {
  const { pool } = testPool();
  const loading = gate();
  const driver = testDriver({ load: () => loading.passed });
  const route = testRoute([driver]);
  const asking = Array.from({ length: 20 }, () => pool.acquire(route, only(route), never));
  expect(pool.loading(only(route))).toBe(true);
  loading.open();
  const leases = await Promise.all(asking);
  expect(new Set(leases.map(({ model }) => model)).size).toBe(1);
  expect(driver.loads).toBe(1);
  expect(pool.loaded(only(route))).toBe(leases[0]?.model);
});

test("a failed load is forgotten: all who waited are told, and the next asks again", async () => {
  const { pool } = testPool();
  const driver = testDriver({
    load: async (count) => {
      if (count === 1) throw new OperatorError("model.gguf: truncated");
    },
  });
  const route = testRoute([driver]);
  const asking = [pool.acquire(route, only(route), never), pool.acquire(route, only(route), never)];
  for (const result of await Promise.allSettled(asking)) expect(result.status).toBe("rejected");
  expect(pool.failure(only(route))?.at).toBe(0);
  (await pool.acquire(route, only(route), never)).release();
  expect(driver.loads).toBe(2);
  expect(pool.failure(only(route))).toBeUndefined();
});

test("who leaves while a model loads is let go at once, and the load goes on for the others", async () => {
  const { pool } = testPool();
  const loading = gate();
  const driver = testDriver({ load: () => loading.passed });
  const route = testRoute([driver]);
  const leaving = new AbortController();
  const left = pool.acquire(route, only(route), leaving.signal);
  const stayed = pool.acquire(route, only(route), never);
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  loading.open();
  await stayed;
  expect(driver.loads).toBe(1);
});

test("an idle model is unloaded after its ttl, a leased one never, and a new lease begins the time anew", async () => {
  const { pool, clock } = testPool();
  const driver = testDriver();
  const route = testRoute([driver], { ttl: 10 });
  const lease = await pool.acquire(route, only(route), never);
  clock.advance(60_000);
  expect(driver.closes).toBe(0);
  lease.release();
  lease.release();
  clock.advance(9_000);
  (await pool.acquire(route, only(route), never)).release();
  clock.advance(9_000);
  expect(driver.closes).toBe(0);
  clock.advance(1_000);
  expect(driver.closes).toBe(1);
  expect(pool.loaded(only(route))).toBeUndefined();
  await pool.acquire(route, only(route), never);
  expect(driver.loads).toBe(2);
});

test("a load that nobody waits for any more still counts as idle", async () => {
  const { pool, clock } = testPool();
  const loading = gate();
  const driver = testDriver({ load: () => loading.passed });
  const route = testRoute([driver], { ttl: 1 });
  const leaving = new AbortController();
  const left = pool.acquire(route, only(route), leaving.signal);
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  loading.open();
  await expect.poll(() => pool.loaded(only(route))).toBeDefined();
  clock.advance(1_000);
  expect(driver.closes).toBe(1);
});

test("a template whose control tokens the tokenizer lacks is refused before anything is loaded", async () => {
  const { pool } = testPool();
  const driver = testDriver({ controlTokens: ["### End"] });
  const wanted = { ...template, name: "dolly-v2", controlTokens: ["### End", "### Response:\n"] };
  const route = testRoute([driver], { template: wanted });
  await expect(pool.acquire(route, only(route), never)).rejects.toThrow(
    'tiny: the template "dolly-v2" needs control tokens that the model\'s tokenizer lacks: "### Response:\\n".',
  );
  expect(driver.loads).toBe(0);
});

test("close ends loads, frees what is loaded, and refuses what comes after", async () => {
  const { pool, log } = testPool();
  const loaded = testDriver();
  const stuck = testDriver({
    load: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  });
  const route = testRoute([loaded, stuck]);
  const [first, second] = route.placements;
  if (first === undefined || second === undefined) throw new Error("two placements are needed");
  await pool.acquire(route, first, never);
  const waiting = pool.acquire(route, second, never);
  const refused = expect(waiting).rejects.toThrow(expect.objectContaining({ code: "shutting_down" }));
  await pool.close();
  await refused;
  await pool.close();
  expect(loaded.closes).toBe(1);
  await expect(pool.acquire(route, first, never)).rejects.toThrow(
    expect.objectContaining({ code: "shutting_down" }),
  );
  expect(log.lines.filter(({ level }) => level === "error")).toEqual([]);
});

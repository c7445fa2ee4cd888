import { expect, test } from "vitest";
import { GatewayError, OperatorError } from "../../src/errors.ts";
import type { Route } from "../../src/routing/route.ts";
import { createRouter } from "../../src/routing/router.ts";
import { createServices } from "../../src/routing/services.ts";
import { context, gate, never, testDriver, testPool, testRoute } from "./stand-ins.ts";

function services(routes: readonly Route[]) {
  const { pool, clock, log, parts } = testPool();
  const router = createRouter(routes, undefined);
  const made = createServices({ ...parts, router, context: () => context(log) });
  return { ...made, pool, clock };
}

const broken = new OperatorError("truncated");

test("it is ready when every preloaded model is loaded and its engine makes progress", async () => {
  const loading = gate();
  const first = testRoute([testDriver({ load: () => loading.passed })], { name: "first", preload: true });
  const second = testRoute([testDriver()], { name: "second", preload: true });
  const lazy = testRoute([testDriver()], { name: "lazy" });
  const { ready, preload } = services([first, second, lazy]);
  const loaded = preload(never);
  expect(await ready(never)).toEqual({ ready: false, problems: { first: "loading", second: "loading" } });
  loading.open();
  await loaded;
  expect(await ready(never)).toEqual({ ready: true, problems: {} });
});

test("it is not ready when an engine is stuck, and says why in words that are safe to show", async () => {
  const told = testDriver({
    check: () => Promise.reject(new GatewayError("engine_unavailable", "restarting")),
  });
  const untold = testDriver({ check: () => Promise.reject(new Error("/secret")) });
  const routes = [
    testRoute([told], { name: "told", preload: true }),
    testRoute([untold], { name: "untold", preload: true }),
  ];
  const { ready, preload } = services(routes);
  await preload(never);
  expect(await ready(never)).toEqual({
    ready: false,
    problems: { told: "restarting", untold: "the engine does not answer" },
  });
});

test("a model that was unloaded after its ttl is able to answer", async () => {
  const route = testRoute([testDriver()], { preload: true, ttl: 1 });
  const { ready, preload, clock, pool } = services([route]);
  await preload(never);
  clock.advance(1_000);
  expect(route.placements.map((placement) => pool.loaded(placement))).toEqual([undefined]);
  expect(await ready(never)).toEqual({ ready: true, problems: {} });
});

test("preloading takes the first placement that works, and fails where none does", async () => {
  const failing = () => testDriver({ load: () => Promise.reject(broken) });
  const working = testDriver();
  await services([testRoute([failing(), working], { preload: true })]).preload(never);
  expect(working.loads).toBe(1);
  const { preload, ready } = services([testRoute([failing(), failing()], { preload: true })]);
  await expect(preload(never)).rejects.toBe(broken);
  expect((await ready(never)).ready).toBe(false);
});

test("facts come from the first readable placement, and from the loaded one once there is one", async () => {
  const unreadable = testDriver({ name: "a", inspect: () => Promise.reject(broken) });
  const readable = testDriver({ name: "b" });
  const route = testRoute([unreadable, readable]);
  const { facts } = services([route]);
  expect(await facts(route)).toEqual({ driver: "b", precision: "f16", contextLength: 64 });

  let there = false;
  const late = testRoute([
    testDriver({ inspect: () => (there ? Promise.resolve() : Promise.reject(broken)) }),
  ]);
  const { facts: lateFacts } = services([late]);
  expect(await lateFacts(late)).toBeNull();
  there = true;
  expect(await lateFacts(late)).toMatchObject({ driver: "test" });
});

import { expect, test } from "vitest";
import {
  type GenerationEvent,
  type GenerationRequest,
  NEUTRAL,
  ORDINARY,
} from "../../src/core/generation.ts";
import { GatewayError, OperatorError } from "../../src/errors.ts";
import { generate } from "../../src/routing/generate.ts";
import { COOLDOWN_MS } from "../../src/routing/policy.ts";
import type { Prepare, Route } from "../../src/routing/route.ts";
import {
  never,
  type PoolFixture,
  type TestDriverOptions,
  testDriver,
  testPool,
  testRoute,
} from "./stand-ins.ts";

const request: GenerationRequest = {
  prompt: [1],
  choices: 1,
  maxTokens: 1,
  sampling: {
    ...NEUTRAL,
    logitBias: [],
    seed: null,
  },
  stopTokens: [],
  stopStrings: [],
  logprobs: null,
  ...ORDINARY,
  promptLogprobs: null,
};

const events = (
  { pool, log, clock }: PoolFixture,
  route: Route,
  signal = never,
  prepare: Prepare = () => request,
) => generate({ pool, log, monotonic: clock.monotonic }, route, prepare, signal);

async function types(stream: AsyncIterable<GenerationEvent>): Promise<string[]> {
  const seen: string[] = [];
  for await (const { type } of stream) seen.push(type);
  return seen;
}

const crash = new GatewayError("engine_crashed", "The engine died.");
const lost = new GatewayError("engine_unavailable", "The engine died.", { retryAfter: 1 });
const failing: TestDriverOptions = {
  load: () => Promise.reject(new OperatorError("/secret/model.gguf: truncated")),
};
const crashingAt = (at: number): TestDriverOptions => ({
  before: async (index) => {
    if (index === at) throw crash;
  },
});

test("events pass through, and the lease ends with them", async () => {
  const fixture = testPool();
  const driver = testDriver();
  const route = testRoute([driver], { ttl: 1 });
  expect(await types(events(fixture, route))).toEqual(["start", "finish"]);
  fixture.clock.advance(1_000);
  expect(driver.closes).toBe(1);
});

test.each([
  ["cannot be loaded", failing],
  ["crashes before the first event", crashingAt(0)],
  ["loses its engine before the first event", { before: () => Promise.reject(lost) }],
])("a placement that %s gives way to the next, and the reason is logged", async (_, options) => {
  const fixture = testPool();
  const next = testDriver();
  const route = testRoute([testDriver(options), next]);
  expect(await types(events(fixture, route))).toEqual(["start", "finish"]);
  expect(next.loads).toBe(1);
  expect(fixture.log.lines).toContainEqual(
    expect.objectContaining({ level: "warn", message: "trying the next placement" }),
  );
});

test("after the first event a failure is the caller's, and no other placement is tried", async () => {
  const fixture = testPool();
  const next = testDriver();
  const route = testRoute([testDriver(crashingAt(1)), next]);
  const stream = events(fixture, route);
  expect((await stream.next()).value).toMatchObject({ type: "start" });
  await expect(stream.next()).rejects.toBe(crash);
  expect(next.loads).toBe(0);
});

test("the last placement's failure is the caller's, with the time after which to try again", async () => {
  const fixture = testPool();
  const losing = { before: () => Promise.reject(lost) };
  const route = testRoute([testDriver(losing), testDriver(losing)]);
  await expect(types(events(fixture, route))).rejects.toBe(lost);
});

test.each(["server_is_overloaded", "context_length_exceeded", "invalid_value"] as const)(
  "%s is no reason to try another placement",
  async (code) => {
    const fixture = testPool();
    const next = testDriver();
    const refusal = new GatewayError(code, "no");
    const route = testRoute([testDriver({ before: () => Promise.reject(refusal) }), next]);
    await expect(types(events(fixture, route))).rejects.toBe(refusal);
    expect(next.loads).toBe(0);
  },
);

test("what a request lacks is found when the model is known, and frees the lease", async () => {
  const fixture = testPool();
  const driver = testDriver();
  const route = testRoute([driver], { ttl: 1 });
  const tooLong = new GatewayError("context_length_exceeded", "too long");
  const prepare: Prepare = () => {
    throw tooLong;
  };
  await expect(types(events(fixture, route, never, prepare))).rejects.toBe(tooLong);
  fixture.clock.advance(1_000);
  expect(driver.closes).toBe(1);
});

test("a client is told nothing of the files, the log everything", async () => {
  const fixture = testPool();
  const stream = events(fixture, testRoute([testDriver(failing)]));
  const failure = await types(stream).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ code: "model_load_failed" });
  expect(String(failure)).not.toContain("secret");
  expect(fixture.log.lines).toContainEqual(
    expect.objectContaining({
      level: "error",
      fields: expect.objectContaining({
        err: expect.objectContaining({ message: "/secret/model.gguf: truncated" }),
      }),
    }),
  );
});

test("a model that failed to load is left alone for a while, then tried again", async () => {
  const fixture = testPool();
  const driver = testDriver({
    load: async (count) => {
      if (count === 1) throw new OperatorError("truncated");
    },
  });
  const route = testRoute([driver]);
  await expect(types(events(fixture, route))).rejects.toMatchObject({ code: "model_load_failed" });
  fixture.clock.advance(COOLDOWN_MS - 1_500);
  await expect(types(events(fixture, route))).rejects.toMatchObject({
    code: "model_load_failed",
    retryAfter: 2,
  });
  expect(driver.loads).toBe(1);
  fixture.clock.advance(1_500);
  expect(await types(events(fixture, route))).toEqual(["start", "finish"]);
});

test("a loop that is left early stops the work and frees the lease", async () => {
  const fixture = testPool();
  const driver = testDriver();
  const route = testRoute([driver], { ttl: 1 });
  for await (const _ of events(fixture, route)) break;
  expect(driver.running).toBe(0);
  fixture.clock.advance(1_000);
  expect(driver.closes).toBe(1);
});

test("an abort ends with its reason and never fails over", async () => {
  const fixture = testPool();
  const leaving = new AbortController();
  const next = testDriver();
  const first = testDriver({
    before: async () => {
      leaving.abort(new Error("client gone"));
      throw crash;
    },
  });
  await expect(types(events(fixture, testRoute([first, next]), leaving.signal))).rejects.toThrow(
    "client gone",
  );
  expect(next.loads).toBe(0);
});

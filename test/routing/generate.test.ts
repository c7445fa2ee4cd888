import { expect, test } from "vitest";
import {
  type GenerationEvent,
  type GenerationRequest,
  NEUTRAL,
  ORDINARY,
} from "../../src/core/generation.ts";
import { GatewayError, OperatorError } from "../../src/errors.ts";
import { generate } from "../../src/routing/generate.ts";
import type { Prepare, Route, Routing } from "../../src/routing/route.ts";
import {
  never,
  type PoolFixture,
  type TestDriverOptions,
  testDriver,
  testPool,
  testRoute,
  testRouting,
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
  { parts }: PoolFixture,
  route: Route,
  signal = never,
  prepare: Prepare = () => request,
  routings: Routing[] = [],
) =>
  generate(parts, route, prepare, signal, undefined, {
    prefix: () => "",
    session: undefined,
    routed: (routing) => routings.push(routing),
  });

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

test("a request that makes no sense is no reason to try another placement", async () => {
  const fixture = testPool();
  const next = testDriver();
  const refusal = new GatewayError("invalid_value", "no");
  const route = testRoute([testDriver({ before: () => Promise.reject(refusal) }), next]);
  await expect(types(events(fixture, route))).rejects.toBe(refusal);
  expect(next.loads).toBe(0);
});

test.each(["server_is_overloaded", "context_length_exceeded", "unsupported_parameter"] as const)(
  "%s: another placement may do it, and is told where none does",
  async (code) => {
    const refusal = new GatewayError(code, "no");
    const unable = { before: () => Promise.reject(refusal) };
    const fixture = testPool();
    const able = testRoute([testDriver(unable), testDriver()]);
    expect(await types(events(fixture, able))).toEqual(["start", "finish"]);
    for (const placement of able.placements) {
      expect(fixture.parts.states.of(placement).circuit.failures).toBe(0);
    }
    const none = testRoute([testDriver(unable), testDriver(unable)]);
    await expect(types(events(testPool(), none))).rejects.toBe(refusal);
  },
);

test("what may be over at the next try is told before what never will be", async () => {
  const unable = { before: () => Promise.reject(new GatewayError("unsupported_parameter", "never")) };
  const losing = { before: () => Promise.reject(lost) };
  for (const order of [
    [losing, unable],
    [unable, losing],
  ]) {
    await expect(types(events(testPool(), testRoute(order.map(testDriver))))).rejects.toBe(lost);
  }
});

test("a placement that keeps failing is left alone, then tried by one request, and used again when it is well", async () => {
  const fixture = testPool();
  let ill = true;
  let asked = 0;
  const flaky = testDriver({
    before: async (index) => {
      if (index > 0) return;
      asked += 1;
      if (ill) throw crash;
    },
  });
  const route = testRoute([flaky, testDriver()]);
  const routings: Routing[] = [];
  const ask = () => types(events(fixture, route, never, undefined, routings));
  for (let at = 0; at < 5; at += 1) expect(await ask()).toEqual(["start", "finish"]);
  expect(asked).toBe(route.routing.allowedFails);
  expect(routings[0]).toEqual({
    attempts: [
      { id: "tiny/0", reason: "config order", error: "engine_crashed" },
      { id: "tiny/1", reason: "config order" },
    ],
    skipped: [],
  });
  expect(routings[4]).toEqual({
    attempts: [{ id: "tiny/1", reason: "config order" }],
    skipped: [{ id: "tiny/0", reason: "kept failing" }],
  });
  fixture.clock.advance(route.routing.cooldownMs);
  await ask();
  expect(asked).toBe(4);
  // Each rest after a failed probe is twice as long.
  fixture.clock.advance(route.routing.cooldownMs);
  await ask();
  expect(asked).toBe(4);
  fixture.clock.advance(route.routing.cooldownMs);
  ill = false;
  await ask();
  await ask();
  expect(asked).toBe(6);
  expect(routings.at(-1)?.attempts).toEqual([{ id: "tiny/0", reason: "config order" }]);
});

test("where every placement keeps failing, requests are tried all the same", async () => {
  const fixture = testPool();
  let ill = true;
  const route = testRoute([
    testDriver({
      before: async () => {
        if (ill) throw lost;
      },
    }),
  ]);
  for (let at = 0; at < 6; at += 1) await expect(types(events(fixture, route))).rejects.toBe(lost);
  ill = false;
  expect(await types(events(fixture, route))).toEqual(["start", "finish"]);
});

test("num_retries and the retry budget bound how often other placements are tried", async () => {
  const losing = () => testDriver({ before: () => Promise.reject(lost) });
  const four = () => [losing(), losing(), losing(), testDriver()];
  const few = testRoute(four(), { routing: testRouting({ numRetries: 2 }) });
  await expect(types(events(testPool(), few))).rejects.toBe(lost);
  const enough = testRoute(four(), { routing: testRouting({ numRetries: 3 }) });
  expect(await types(events(testPool(), enough))).toEqual(["start", "finish"]);
  const fixture = testPool();
  const patient = testRoute([losing(), testDriver()], { routing: testRouting({ allowedFails: 1000 }) });
  const outcomes = [];
  for (let at = 0; at < 100; at += 1) {
    outcomes.push(
      await types(events(fixture, patient)).then(
        () => true,
        () => false,
      ),
    );
  }
  // Ten in reserve, and then one for ten requests.
  const mended = outcomes.filter(Boolean).length;
  expect(outcomes.slice(0, 10)).toEqual(Array(10).fill(true));
  expect(mended).toBeGreaterThanOrEqual(18);
  expect(mended).toBeLessThanOrEqual(21);
});

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
  fixture.clock.advance(route.routing.cooldownMs - 1_500);
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

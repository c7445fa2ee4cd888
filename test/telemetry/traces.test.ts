import { expect, test } from "vitest";
import { z } from "zod";
import { fake } from "../../drivers/fake/index.ts";
import { type Driver, defineDriver } from "../../src/core/driver.ts";
import type { GenerationRequest } from "../../src/core/generation.ts";
import { GatewayError } from "../../src/errors.ts";
import { testDriver } from "../routing/stand-ins.ts";
import { ANSWER, observedGateway, scripted } from "./observed-gateway.ts";
import { otlpReceiver } from "./otlp-receiver.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const client = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: "vendor=client" };
const PROMPT = "hello canary";
const asked = { messages: [{ role: "user", content: PROMPT }], temperature: 0.5, max_tokens: 1000 };
/** The request, the attempt and the generation, which the receiver has once the gateway is closed. */
const SPANS = 3;

test("a request is a trace: request, attempt, generation, with GenAI attributes and the client's parent", async () => {
  const receiver = await otlpReceiver();
  const { chat, close, logged } = await observedGateway({
    tracing: { endpoint: receiver.url, headers: { "x-collector-key": "k" }, service_name: "edge" },
  });
  const answer = await (await chat(asked, client)).text();
  const completionTokens = Number(/"completion_tokens":(\d+)/.exec(answer)?.[1]);
  expect(completionTokens).toBeGreaterThan(ANSWER.length);
  await close();
  expect(receiver.spans).toHaveLength(SPANS);
  expect(receiver.resource).toMatchObject({ "service.name": "edge" });
  expect(receiver.headers["x-collector-key"]).toBe("k");
  const request = receiver.named("POST /v1/chat/completions");
  const attempt = receiver.named("attempt dolly/0");
  const generation = receiver.named("chat dolly");
  expect(request).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, traceState: "vendor=client" });
  expect(attempt).toMatchObject({ traceId: TRACE, parentSpanId: request.spanId });
  expect(generation).toMatchObject({ traceId: TRACE, parentSpanId: attempt.spanId });
  expect(request.attributes).toEqual({
    "http.request.method": "POST",
    "http.route": "/v1/chat/completions",
    "http.response.status_code": 200,
  });
  expect(attempt.attributes).toEqual({ "dolly.placement": "dolly/0", "dolly.driver": "fake" });
  expect(generation.attributes).toMatchObject({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "fake",
    "gen_ai.request.model": "dolly",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.usage.output_tokens": completionTokens,
    "gen_ai.response.finish_reasons": ["stop"],
  });
  expect(generation.events).toMatchObject([{ name: "first token" }]);
  const told = JSON.stringify(receiver.spans);
  expect(told).not.toContain("canary");
  expect(told).not.toContain(ANSWER);
  expect(logged).toContainEqual({ request_id: expect.any(String), trace_id: TRACE });
});

test("a failure is in the spans by its code, and what the client did wrong is no error of the server's", async () => {
  const receiver = await otlpReceiver();
  const tracing = { endpoint: receiver.url };
  const { address, chat, close } = await observedGateway(
    { tracing },
    { placements: [{ ...scripted, crash_on: "long" }] },
  );
  expect((await fetch(`${address}/health`)).status).toBe(200);
  expect((await chat({ temperature: 3 })).status).toBe(400);
  expect((await chat(asked)).status).toBe(500);
  await close();
  const requests = receiver.spans.filter(({ parentSpanId }) => parentSpanId === undefined);
  expect(requests).toHaveLength(2);
  const [refused, failed] = requests;
  expect(refused).toMatchObject({ attributes: { "error.type": "invalid_value" }, status: { code: 0 } });
  expect(failed).toMatchObject({ attributes: { "error.type": "engine_crashed" }, status: { code: 2 } });
  const crashed = { attributes: { "error.type": "engine_crashed" }, status: { code: 2 } };
  expect(receiver.named("chat dolly")).toMatchObject(crashed);
});

test("two attempts beside each other are two spans of the request; the one that was outpaced says so", async () => {
  const receiver = await otlpReceiver();
  const { chat, close, advance } = await observedGateway(
    { tracing: { endpoint: receiver.url }, router_settings: { hedging_delay: 0.05 } },
    { placements: [{ ...scripted, tokens_per_second: 0.1 }, scripted] },
  );
  let attempts: string | null = null;
  void chat(asked).then(({ headers }) => {
    attempts = headers.get("x-gateway-attempts");
  });
  const answered = () => {
    advance(50);
    return attempts;
  };
  await expect.poll(answered).toBe("dolly/0;outpaced, dolly/1;hedge");
  await close();
  const [outpaced, won] = ["attempt dolly/0", "attempt dolly/1"].map((name) => receiver.named(name));
  expect(outpaced?.events).toMatchObject([{ name: "outpaced" }]);
  expect(won?.attributes).toEqual({ "dolly.placement": "dolly/1", "dolly.driver": "fake" });
  const generations = receiver.spans.filter(({ name }) => name === "chat dolly");
  expect(generations.map(({ parentSpanId }) => parentSpanId)).toEqual(
    expect.arrayContaining([outpaced?.spanId, won?.spanId]),
  );
  const finished = generations.filter(({ attributes }) => "gen_ai.usage.output_tokens" in attributes);
  expect(finished).toMatchObject([{ parentSpanId: won?.spanId }]);
});

test("a sample ratio of 0 traces only what a client's trace asks for", async () => {
  const receiver = await otlpReceiver();
  const { chat, close } = await observedGateway({ tracing: { endpoint: receiver.url, sample_ratio: 0 } });
  await (await chat()).text();
  await (await chat({}, { traceparent: `00-${TRACE}-${PARENT}-00` })).text();
  await (await chat({}, client)).text();
  await close();
  expect(receiver.spans.map(({ traceId }) => traceId)).toEqual([TRACE, TRACE, TRACE]);
});

test("a collector that is away is a warning, and no request's trouble", async () => {
  const { chat, close, log } = await observedGateway({
    tracing: { endpoint: "http://127.0.0.1:9/v1/traces" },
  });
  expect((await chat()).status).toBe(200);
  await close();
  expect(log.lines.filter(({ message }) => message === "traces cannot be delivered")).toHaveLength(1);
});

/** A driver that keeps the requests that reach it; its first attempt may fail. */
function keeping(name: string, failure?: Error): { driver: Driver; requests: GenerationRequest[] } {
  const requests: GenerationRequest[] = [];
  const inner = testDriver({
    name,
    before: async () => (failure === undefined ? undefined : Promise.reject(failure)),
  });
  const driver = defineDriver({
    name,
    about: "For tests.",
    options: z.strictObject({}),
    paths: [],
    inspect: (_options, given) => inner.inspect(given),
    async load(_options, given, signal) {
      const model = await inner.load(given, signal);
      return {
        ...model,
        generate(request, of) {
          requests.push(request);
          return model.generate(request, of);
        },
      };
    },
  });
  return { driver, requests };
}

test("each attempt is given its own place in the trace, for an engine elsewhere to go on from", async () => {
  const receiver = await otlpReceiver();
  const first = keeping("first", new GatewayError("engine_unavailable", "It is away."));
  const second = keeping("second");
  const { chat, close } = await observedGateway(
    { tracing: { endpoint: receiver.url } },
    { placements: [{ driver: "first" }, { driver: "second" }], drivers: [fake, first.driver, second.driver] },
  );
  expect((await chat(asked, client)).status).toBe(200);
  await close();
  const generations = receiver.spans.filter(({ name }) => name === "chat dolly");
  const sent = [...first.requests, ...second.requests].map(({ trace }) => trace);
  expect(sent).toEqual(
    generations.map(({ spanId }) => ({
      traceparent: `00-${TRACE}-${spanId}-01`,
      tracestate: "vendor=client",
    })),
  );
  expect(receiver.named("attempt dolly/0")).toMatchObject({
    attributes: { "error.type": "engine_unavailable" },
  });
  expect(receiver.named("attempt dolly/1").status.code).toBe(0);
});

test("without tracing, what the client sent is passed on as it came; a malformed one is not", async () => {
  const kept = keeping("kept");
  const { chat } = await observedGateway(
    {},
    { placements: [{ driver: "kept" }], drivers: [fake, kept.driver] },
  );
  await chat(asked, client);
  await chat(asked, { traceparent: "00-canary" });
  await chat(asked);
  expect(kept.requests.map(({ trace }) => trace)).toEqual([client, undefined, undefined]);
});

import { expect, test } from "vitest";
import { z } from "zod";
import { fake } from "../../drivers/fake/index.ts";
import { type Driver, defineDriver } from "../../src/core/driver.ts";
import { GatewayError } from "../../src/errors.ts";
import { METRICS } from "../../src/telemetry/metric-table.ts";
import { testDriver } from "../routing/stand-ins.ts";
import { ANSWER, observedGateway, sample, scripted } from "./observed-gateway.ts";

const chat = { gen_ai_operation_name: "chat", gen_ai_request_model: "dolly" };
const model = { gen_ai_request_model: "dolly" };

test("an answer is measured from its request to its last token", async () => {
  const { chat: ask, scrape } = await observedGateway();
  const answer = await (await ask()).text();
  await (await ask({ stream: true })).text();
  const text = await scrape();
  expect(sample(text, "gen_ai_server_request_duration_seconds_count", { ...chat, error_type: "" })).toBe(2);
  expect(sample(text, "gen_ai_server_time_to_first_token_seconds_count", chat)).toBe(2);
  expect(sample(text, "gen_ai_server_time_per_output_token_seconds_count", chat)).toBe(2);
  expect(sample(text, "dolly_queue_duration_seconds_count", model)).toBe(2);
  const route = { http_route: "/v1/chat/completions", http_response_status_code: "200" };
  expect(sample(text, "http_server_request_duration_seconds_count", route)).toBe(2);
  const tokens = 2 * Number(/"completion_tokens":(\d+)/.exec(answer)?.[1]);
  expect(tokens).toBeGreaterThan(2 * ANSWER.length);
  // The first token of each answer comes after nothing.
  expect(sample(text, "dolly_generated_tokens_total", model)).toBe(tokens);
  expect(sample(text, "dolly_inter_token_latency_seconds_count", model)).toBe(tokens - 2);
  const usage = { ...chat, gen_ai_token_type: "output" };
  expect(sample(text, "gen_ai_client_token_usage_sum", usage)).toBe(tokens);
  expect(sample(text, "gen_ai_client_token_usage_sum", { ...chat, gen_ai_token_type: "input" })).toBe(
    sample(text, "dolly_prompt_tokens_total", model),
  );
});

test("tokens are counted while a stream runs, each choice by itself", async () => {
  const slow = { ...scripted, tokens_per_second: 1000 };
  const { chat: ask, scrape } = await observedGateway({}, { placements: [slow] });
  const answer = await ask({ stream: true, n: 2, max_tokens: 1000, logit_bias: { 256: -100, 257: -100 } });
  const reader = answer.body?.getReader();
  await reader?.read();
  await expect
    .poll(async () => sample(await scrape(), "dolly_generated_tokens_total", model))
    .toBeGreaterThan(5);
  const running = await scrape();
  expect(sample(running, "dolly_slots", model)).toBe(2);
  expect(sample(running, "dolly_slots_busy", model)).toBe(1);
  expect(sample(running, "http_server_active_requests")).toBe(2);
  await reader?.cancel();
  const left = { ...chat, error_type: "client_closed_request" };
  await expect
    .poll(async () => sample(await scrape(), "gen_ai_server_request_duration_seconds_count", left))
    .toBe(1);
  const text = await scrape();
  expect(sample(text, "dolly_slots_busy", model)).toBe(0);
  expect(
    sample(text, "http_server_request_duration_seconds_count", { http_response_status_code: "499" }),
  ).toBe(1);
});

test("errors are counted by their code, and one in the middle of a stream too", async () => {
  const { chat: ask, scrape } = await observedGateway(
    {},
    { placements: [{ ...scripted, crash_on: "long" }] },
  );
  await (await ask({ temperature: 3 })).text();
  expect(await (await ask({ stream: true })).text()).toContain("engine_crashed");
  const text = await scrape();
  const route = { http_route: "/v1/chat/completions" };
  expect(sample(text, "dolly_errors_total", { ...route, error_type: "invalid_value" })).toBe(1);
  expect(sample(text, "dolly_errors_total", { ...route, error_type: "engine_crashed" })).toBe(1);
  const crashed = { ...chat, error_type: "engine_crashed" };
  expect(sample(text, "gen_ai_server_request_duration_seconds_count", crashed)).toBe(1);
});

test("a placement that gives way, and where each stands", async () => {
  const broken = testDriver({
    name: "broken",
    load: () => Promise.reject(new GatewayError("model_load_failed", "It cannot be loaded.")),
  });
  const driver: Driver = defineDriver({
    name: "broken",
    about: "For tests.",
    options: z.strictObject({}),
    paths: [],
    inspect: (_options, given) => broken.inspect(given),
    load: (_options, given, signal) => broken.load(given, signal),
  });
  const placements = [{ driver: "broken" }, scripted];
  const { address, chat: ask, scrape } = await observedGateway({}, { placements, drivers: [fake, driver] });
  const state = async (id: string, name: string) =>
    sample(await scrape(), "dolly_placement_state", { placement: id, state: name });
  expect(await state("dolly/0", "failed")).toBe(1);
  expect(await state("dolly/0", "ready")).toBe(0);
  expect(await state("dolly/1", "ready")).toBe(1);
  expect((await ask()).status).toBe(200);
  await fetch(`${address}/admin/models/dolly/unload`, { method: "POST" });
  expect(await state("dolly/1", "unloaded")).toBe(1);
  expect(sample(await scrape(), "dolly_slots", { placement: "dolly/1" })).toBeNaN();
  await (await ask()).text();
  const failover = { placement: "dolly/0", error_type: "model_load_failed" };
  expect(sample(await scrape(), "dolly_placement_failovers_total", failover)).toBe(1);
});

test("what a client writes never becomes a label", async () => {
  const { address, chat: ask, scrape } = await observedGateway();
  const before = (await scrape()).split("\n").length;
  for (let index = 0; index < 20; index += 1) {
    await (await ask({ model: `unknown-${index}` })).text();
    await (await fetch(`${address}/canary-${index}`, { headers: { "x-canary": "canary" } })).text();
    await (await fetch(`${address}/v1/models/canary-${index}`)).text();
  }
  const text = await scrape();
  expect(text).not.toMatch(/canary|unknown-/);
  // Three outcomes that were not there before, whatever their number.
  expect(text.split("\n").length - before).toBeLessThan(100);
  expect(sample(text, "dolly_errors_total", { http_route: "", error_type: "unknown_url" })).toBe(20);
});

test("it has what every process has, and each metric of the table", async () => {
  const { address } = await observedGateway();
  const answer = await fetch(`${address}/metrics`);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await answer.text();
  for (const { name, type } of Object.values(METRICS)) expect(text).toContain(`# TYPE ${name} ${type}\n`);
  for (const name of ["process_resident_memory_bytes", "nodejs_eventloop_lag_p99_seconds"]) {
    expect(sample(text, name)).toBeGreaterThan(0);
  }
  expect(sample(text, "nodejs_eventloop_utilization_ratio")).toBeGreaterThan(0);
});

test("without metrics there is no such page", async () => {
  const { address } = await observedGateway({ metrics: false });
  const answer = await fetch(`${address}/metrics`);
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ error: { code: "unknown_url" } });
});

test("with keys, /metrics takes either, and the admin endpoints the admin key only", async () => {
  const { address } = await observedGateway({ metrics_key: "reads", admin_key: "rules" });
  const status = async (path: string, key?: string) =>
    (await fetch(address + path, { headers: key === undefined ? {} : { authorization: `Bearer ${key}` } }))
      .status;
  expect(await status("/metrics")).toBe(401);
  expect(await status("/metrics", "wrong")).toBe(401);
  expect(await status("/metrics", "reads")).toBe(200);
  expect(await status("/metrics", "rules")).toBe(200);
  expect(await status("/admin/models", "reads")).toBe(401);
  expect(await status("/admin/models", "rules")).toBe(200);
});

test("without keys, it answers to this machine, and not through a proxy", async () => {
  const { address } = await observedGateway();
  const proxied = await fetch(`${address}/metrics`, { headers: { "x-forwarded-for": "203.0.113.9" } });
  expect(proxied.status).toBe(403);
});

import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";

const NOBODY = "http://127.0.0.1:9/v1";
const upstream = (base: string) =>
  `{ driver: openai, api_base: "${base}", tokenizer: "${embeddedModel}", connect_timeout: 1 }`;

const engines: RunningGateway[] = [];
let front: RunningGateway;
const bases = () => engines.map(({ address }) => `${address}/v1`);

async function startEngine(port = 0): Promise<RunningGateway> {
  return startGateway({
    args: [embeddedModel, "--type", "f32", ...(port === 0 ? [] : ["--port", String(port)])],
  });
}

beforeAll(async () => {
  engines.push(...(await Promise.all([startEngine(), startEngine()])));
  const both = bases()
    .map((base) => upstream(base))
    .join(", ");
  front = await startGateway({
    config: `version: 1
router_settings: { cooldown_time: 1, allowed_fails: 1, health_check_interval: 1, session_affinity: true }
api_keys:
  - { name: all, key: sk-all-0123456789abcdef }
  - { name: some, key: sk-some-0123456789abcdef, models: [lonely, small] }
models:
  ordered: { template: dolly-v2, placements: [${upstream(NOBODY)}, ${both}] }
  least: { template: dolly-v2, routing_strategy: least_loaded, placements: [${both}] }
  prefix: { template: dolly-v2, routing_strategy: prefix_affinity, placements: [${both}] }
  lonely: { template: dolly-v2, fallbacks: [dead, backup], placements: [${upstream(NOBODY)}] }
  dead: { template: dolly-v2, placements: [${upstream(NOBODY)}] }
  backup: { template: dolly-v1, placements: [{ driver: fake }] }
  small: { template: dolly-v2, context_window_fallbacks: [large], max_model_len: 300, placements: [{ driver: fake }] }
  large: { template: dolly-v2, placements: [{ driver: fake, context_length: 4096 }] }
`,
  });
});
afterAll(async () => {
  await Promise.all([front, ...engines].map((gateway) => gateway.stop()));
});

interface Asked {
  readonly content?: string;
  readonly key?: string;
  readonly headers?: Record<string, string>;
  readonly user?: string;
}

async function ask(
  model: string,
  { content = "hello", key = "sk-all-0123456789abcdef", headers = {}, user }: Asked = {},
) {
  const client = new OpenAI({ baseURL: `${front.address}/v1`, apiKey: key, maxRetries: 0 });
  const { data, response } = await client.chat.completions
    .create(
      {
        model,
        max_tokens: 20,
        messages: [{ role: "user", content }],
        ...(user === undefined ? {} : { user }),
      },
      { headers },
    )
    .withResponse();
  return {
    model: data.model,
    placement: response.headers.get("x-gateway-placement"),
    attempts: response.headers.get("x-gateway-attempts"),
  };
}
const routes = async () =>
  (
    (await (await fetch(`${front.address}/admin/routes`)).json()) as {
      data: { id: string; placements: Record<string, unknown>[] }[];
    }
  ).data;

test("a dead placement gives way to the next, and the answer says who gave it and why", async () => {
  expect(await ask("ordered")).toEqual({
    model: "ordered",
    placement: "ordered/1",
    attempts: expect.stringMatching(/^ordered\/0;error=model_load_failed, ordered\/1$/),
  });
  expect(await ask("ordered")).toMatchObject({
    placement: "ordered/1",
    attempts: expect.stringMatching(/^ordered\/1, ordered\/0;skipped="could not be loaded"$/),
  });
  const ordered = (await routes()).find(({ id }) => id === "ordered");
  expect(ordered).toMatchObject({
    routing_strategy: "priority",
    placements: [
      { id: "ordered/0", failures: 1, last_failure: { code: "model_load_failed" }, circuit: "open" },
      { id: "ordered/1", requests: 2, failures: 0, circuit: "closed", first_token_ms: expect.any(Number) },
      { id: "ordered/2", requests: 0 },
    ],
  });
});

test("least_loaded: requests at the same time are spread", async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask("least")));
  const first = answers.filter(({ placement }) => placement === "least/0").length;
  expect(first).toBe(4);
});

test("prefix_affinity: what begins alike goes to one place, other beginnings to others", async () => {
  const places = new Set<string | null>();
  for (let topic = 0; topic < 8; topic += 1) {
    const beginning = `Topic ${topic}. `.repeat(20);
    const first = await ask("prefix", { content: `${beginning} What now?` });
    const second = await ask("prefix", { content: `${beginning} And then?` });
    expect(second.placement).toBe(first.placement);
    places.add(first.placement);
  }
  expect(places.size).toBe(2);
});

test("what an engine had in its cache is told in the usage, streaming or not, and counted", async () => {
  const client = new OpenAI({
    baseURL: `${front.address}/v1`,
    apiKey: "sk-all-0123456789abcdef",
    maxRetries: 0,
  });
  const body = {
    model: "ordered",
    max_tokens: 5,
    messages: [{ role: "user" as const, content: `Remember: ${"so many words ".repeat(20)}` }],
  };
  await client.chat.completions.create(body);
  const whole = await client.chat.completions.create(body);
  const cached = whole.usage?.prompt_tokens_details?.cached_tokens ?? 0;
  expect(cached).toBeGreaterThan(50);
  const stream = await client.chat.completions.create({
    ...body,
    stream: true,
    stream_options: { include_usage: true },
  });
  let last: number | undefined;
  for await (const { usage } of stream) last = usage?.prompt_tokens_details?.cached_tokens;
  expect(last).toBeGreaterThan(50);
  const metrics = await (await fetch(`${front.address}/metrics`)).text();
  const counted = /^dolly_cached_prompt_tokens_total\{gen_ai_request_model="ordered"\} (\d+)$/m.exec(metrics);
  expect(Number(counted?.[1])).toBeGreaterThan(100);
});

test("a session stays at its place, by header or by user", async () => {
  for (const of of [
    (name: string): Asked => ({ headers: { "x-session-id": name } }),
    (name: string): Asked => ({ user: name }),
  ]) {
    const places = new Set<string | null>();
    for (let at = 0; at < 8; at += 1) {
      const { placement } = await ask("least", of(`session ${at}`));
      for (let again = 0; again < 3; again += 1) {
        expect((await ask("least", of(`session ${at}`))).placement).toBe(placement);
      }
      places.add(placement);
    }
    expect(places.size).toBe(2);
  }
});

test("where no placement answers, a fallback does, under its own name; not one that the key may not use", async () => {
  expect(await ask("lonely")).toMatchObject({ model: "backup", placement: "backup/0" });
  await expect(ask("lonely", { key: "sk-some-0123456789abcdef" })).rejects.toMatchObject({ status: 503 });
});

test("a prompt that is too long for a model is answered by its larger fallback", async () => {
  expect(await ask("small")).toMatchObject({ model: "small" });
  const content = "word ".repeat(100);
  expect(await ask("small", { content })).toMatchObject({ model: "large" });
  await expect(ask("small", { content, key: "sk-some-0123456789abcdef" })).rejects.toMatchObject({
    status: 400,
    code: "context_length_exceeded",
  });
});

test("an engine killed in mid-stream: a clean error, the next request goes elsewhere, and it is used again when it is back", async () => {
  expect((await ask("ordered")).placement).toBe("ordered/1");
  const [victim] = engines;
  if (victim === undefined) throw new Error("there is no engine");
  const port = Number(new URL(victim.address).port);
  const client = new OpenAI({
    baseURL: `${front.address}/v1`,
    apiKey: "sk-all-0123456789abcdef",
    maxRetries: 0,
  });
  const stream = await client.chat.completions.create({
    model: "ordered",
    messages: [{ role: "user", content: "How many NBA basketball teams are in California?" }],
    max_tokens: 400,
    stream: true,
    ...{ min_tokens: 400 },
  });
  let pieces = 0;
  const failure: unknown = await (async () => {
    for await (const _ of stream) {
      pieces += 1;
      if (pieces === 5) victim.process.kill("SIGKILL");
    }
  })().catch((error: unknown) => error);
  expect(pieces).toBeGreaterThanOrEqual(5);
  expect(failure).toMatchObject({ code: "engine_crashed" });
  for (let at = 0; at < 5; at += 1) expect((await ask("ordered")).placement).toBe("ordered/2");
  await victim.stop();
  engines[0] = await startEngine(port);
  await expect.poll(async () => (await ask("ordered")).placement, { timeout: 15_000 }).toBe("ordered/1");
}, 60_000);

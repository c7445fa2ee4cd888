import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashKey } from "../../src/access/key-hash.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";

const KEYS = {
  ann: "sk-ann-0123456789abcdef",
  bob: "sk-bob-0123456789abcdef",
  few: "sk-few-0123456789abcdef",
  little: "sk-little-0123456789abcdef",
  one: "sk-one-0123456789abcdef",
  admin: "sk-admin-0123456789abcdef",
};
const CONFIG = `version: 1
admin_key: ${KEYS.admin}
models:
  quick:
    aliases: [fast]
    placements: [{ driver: fake }]
  slow:
    placements: [{ driver: fake, tokens_per_second: 20 }]
api_keys:
  - { name: ann, key_hash: "${hashKey(KEYS.ann)}" }
  - { name: bob, key: "\${env.BOBS_KEY}", models: [quick], priority: 5 }
  - { name: few, key: ${KEYS.few}, rpm: 3 }
  - { name: little, key: ${KEYS.little}, tpm: 1000 }
  - { name: one, key: ${KEYS.one}, max_parallel_requests: 1 }
`;

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ config: CONFIG, env: { BOBS_KEY: KEYS.bob } });
});
afterAll(async () => {
  await gateway.stop();
});

const clientOf = (apiKey: string) => new OpenAI({ baseURL: `${gateway.address}/v1`, apiKey, maxRetries: 0 });
const ask = (apiKey: string, model = "quick", more: object = {}) =>
  clientOf(apiKey).chat.completions.create({
    model,
    messages: [{ role: "user", content: "Hello" }],
    ...more,
  });
const streamed = () =>
  clientOf(KEYS.one).chat.completions.create({
    model: "slow",
    messages: [{ role: "user", content: "a ".repeat(20) }],
    stream: true,
  });
const get = (path: string, key?: string) =>
  fetch(gateway.address + path, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });

describe("keys", () => {
  test("a key opens, and no key, a wrong one and another's hash are refused alike", async () => {
    expect((await ask(KEYS.ann)).choices).toHaveLength(1);
    expect((await ask(KEYS.bob)).choices).toHaveLength(1);
    const refusals = [];
    for (const headers of [
      {},
      { authorization: "Bearer sk-wrong-0123456789abcdef" },
      { authorization: `Bearer ${hashKey(KEYS.ann)}` },
      { authorization: `Basic ${KEYS.ann}` },
      { authorization: `Bearer ${KEYS.ann.slice(0, -1)}` },
      { authorization: `Bearer ${KEYS.admin}` },
    ] as Record<string, string>[]) {
      const answer = await fetch(`${gateway.address}/v1/models`, { headers });
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
      refusals.push([answer.status, await answer.text()]);
    }
    expect(new Set(refusals.map(String)).size).toBe(1);
    expect(refusals[0]).toEqual([401, expect.stringContaining('"code":"invalid_api_key"')]);
    await expect(ask("sk-wrong")).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });

  test("health and the page need none; /admin takes the operator's and no other", async () => {
    for (const path of ["/health", "/ready", "/"]) expect((await get(path)).status).toBe(200);
    for (const path of ["/v1/models", "/tokenizer_info", "/openapi.json"]) {
      expect((await get(path)).status).toBe(401);
    }
    expect((await get("/admin/models", KEYS.ann)).status).toBe(401);
    expect((await get("/admin/models", KEYS.admin)).status).toBe(200);
  });

  test("to a key with models of its own, the others do not exist", async () => {
    const seen = await clientOf(KEYS.bob).models.list();
    expect(seen.data.map(({ id }) => id)).toEqual(["quick"]);
    await expect(ask(KEYS.bob, "slow")).rejects.toMatchObject({ status: 404, code: "model_not_found" });
    await expect(clientOf(KEYS.bob).models.retrieve("slow")).rejects.toMatchObject({ status: 404 });
    expect((await ask(KEYS.bob, "fast")).model).toBe("quick");
    const message = async (model: string) =>
      ask(KEYS.bob, model).then(
        () => "",
        (error: unknown) => String(error).replaceAll(model, "MODEL"),
      );
    expect(await message("slow")).toBe(await message("none"));
  });

  test("a client cannot go before its key's turn", async () => {
    await expect(ask(KEYS.bob, "quick", { priority: -1 })).rejects.toMatchObject({
      status: 400,
      param: "priority",
    });
    expect((await ask(KEYS.bob, "quick", { priority: 3 })).choices).toHaveLength(1);
  });
});

describe("limits", () => {
  test("requests a minute: three pass with OpenAI's headers, the fourth is a 429 that says when", async () => {
    const left = [];
    for (let at = 0; at < 3; at += 1) {
      const { response } = await ask(KEYS.few).withResponse();
      expect(response.headers.get("x-ratelimit-limit-requests")).toBe("3");
      expect(response.headers.get("x-ratelimit-reset-requests")).toMatch(/^(1m)?\d+(\.\d+)?s$/);
      left.push(response.headers.get("x-ratelimit-remaining-requests"));
    }
    expect(left).toEqual(["2", "1", "0"]);
    const error: unknown = await ask(KEYS.few).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({
      code: "rate_limit_exceeded",
      message: expect.stringContaining("Limit 3, Used 3"),
    });
    if (!(error instanceof OpenAI.RateLimitError)) return;
    const wait = Number(error.headers.get("retry-after"));
    expect(wait).toBeGreaterThan(50);
    expect(wait).toBeLessThanOrEqual(61);
    // Lists cost nothing.
    expect((await clientOf(KEYS.few).models.list()).data).toHaveLength(2);
  });

  test("tokens a minute: what is expected is held, and what was used takes its place", async () => {
    const remaining = async (max_tokens: number) => {
      const { response } = await ask(KEYS.little, "quick", { max_tokens }).withResponse();
      return Number(response.headers.get("x-ratelimit-remaining-tokens"));
    };
    expect(await remaining(700)).toBeLessThanOrEqual(300);
    // Two such could not be held, but the first answer has ended, and was short.
    expect(await remaining(700)).toBeLessThan(300);
    await expect(ask(KEYS.little, "quick", { max_tokens: 400, n: 2 })).rejects.toMatchObject({
      status: 429,
      message: expect.stringContaining("tokens per min"),
    });
  });

  test("an answer that its client leaves frees its place", async () => {
    const stream = await streamed();
    for await (const _ of stream) break;
    await expect
      .poll(async () => (await ask(KEYS.one).catch(() => undefined))?.choices.length, { timeout: 5000 })
      .toBe(1);
  });

  test("requests at the same time: the second is refused while the first runs", async () => {
    const stream = await streamed();
    await expect(ask(KEYS.one)).rejects.toMatchObject({
      status: 429,
      message: expect.stringContaining("same time"),
    });
    for await (const _ of stream) {
      // To its end.
    }
    for (let at = 0; at < 20; at += 1) expect((await ask(KEYS.one)).choices).toHaveLength(1);
  });
});

test("logs name keys and never hold one; /admin/config shows limits without secrets", async () => {
  const shown = await (await get("/admin/config", KEYS.admin)).text();
  expect(JSON.parse(shown)).toMatchObject({
    generation: 1,
    refusal: null,
    keys: [{ name: "ann" }, { name: "bob", models: ["quick"], priority: 5 }, { name: "few", rpm: 3 }, {}, {}],
    limits: { store: "process" },
  });
  const output = gateway.output();
  expect(output).toContain('"key":"ann"');
  for (const key of Object.values(KEYS)) {
    for (const secret of [key, hashKey(key)]) expect(output + shown).not.toContain(secret);
  }
});

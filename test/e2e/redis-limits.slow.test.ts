import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RedisServer, redisAtHand, redisServer } from "../access/redis-server.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";

const KEYS = {
  hundred: "sk-hundred-0123456789abcdef",
  parallel: "sk-parallel-0123456789abcdef",
  tokens: "sk-tokens-0123456789abcdef",
  plenty: "sk-plenty-0123456789abcdef",
};
const config = (url: string, onFailure: string) => `version: 1
rate_limits: { redis: "${url}", redis_timeout: 0.5, on_redis_failure: ${onFailure} }
models:
  quick: { placements: [{ driver: fake, parallel: 64 }] }
  slow: { placements: [{ driver: fake, parallel: 64, tokens_per_second: 100 }] }
api_keys:
  - { name: hundred, key: ${KEYS.hundred}, rpm: 100 }
  - { name: parallel, key: ${KEYS.parallel}, max_parallel_requests: 3 }
  - { name: tokens, key: ${KEYS.tokens}, tpm: 10000 }
  - { name: plenty, key: ${KEYS.plenty}, rpm: 100000 }
`;

let redis: RedisServer;
let gateways: RunningGateway[] = [];
let closed: RunningGateway;
beforeAll(async () => {
  if (!redisAtHand) return;
  redis = await redisServer();
  await redis.start();
  const both = await Promise.all([0, 1].map(() => startGateway({ config: config(redis.url, "open") })));
  gateways = both;
  closed = await startGateway({ config: config(redis.url, "closed") });
});
afterAll(async () => {
  await Promise.all([...gateways, ...(redisAtHand ? [closed] : [])].map((gateway) => gateway.stop()));
  if (redisAtHand) await redis.kill();
});

async function ask(
  gateway: RunningGateway | undefined,
  key: string,
  { model = "quick", maxTokens = 5 } = {},
): Promise<Response> {
  const answer = await fetch(`${gateway?.address}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, max_tokens: maxTokens, messages: [{ role: "user", content: "hello" }] }),
  });
  await answer.arrayBuffer();
  return answer;
}

function counted(answers: readonly Response[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
const many = (count: number, key: string, more: object = {}) =>
  Promise.all(Array.from({ length: count }, (_, at) => ask(gateways[at % 2], key, more)));

describe.skipIf(!redisAtHand)("two gateways and one Redis", () => {
  test("share a limit exactly: of 250 requests at once, 100 pass", async () => {
    const answers = await many(250, KEYS.hundred);
    expect(counted(answers)).toEqual({ 200: 100, 429: 150 });
    const left = answers.map(({ headers }) => Number(headers.get("x-ratelimit-remaining-requests")));
    // Each of those that passed saw another count.
    expect(new Set(left).size).toBe(100);
  });

  test("share what runs at the same time, and give it back", async () => {
    const answers = await many(12, KEYS.parallel, { model: "slow", maxTokens: 50 });
    expect(counted(answers)).toEqual({ 200: 3, 429: 9 });
    expect(counted(await many(2, KEYS.parallel))).toEqual({ 200: 2 });
  });

  test("share tokens, and count what was used in place of what was expected", async () => {
    const first = await ask(gateways[0], KEYS.tokens, { maxTokens: 9000 });
    expect(Number(first.headers.get("x-ratelimit-remaining-tokens"))).toBeLessThan(1000);
    // Redis is told after the answer has left.
    const second = async () => (await ask(gateways[1], KEYS.tokens, { maxTokens: 9000 })).status;
    await expect.poll(second, { timeout: 5000 }).toBe(200);
  });

  test("Redis away: no request is lost where limits are open, each is refused with a 503 where they are closed", async () => {
    expect((await ask(closed, KEYS.plenty)).status).toBe(200);
    let ended = false;
    const seen: Response[] = [];
    const load = Array.from({ length: 4 }, async (_, at) => {
      while (!ended) seen.push(await ask(gateways[at % 2], KEYS.plenty));
    });
    await pause(300);
    await redis.kill();
    await pause(300);
    const refused = await ask(closed, KEYS.plenty);
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    await pause(800);
    await redis.start();
    const back = () =>
      Promise.all(gateways.map(async (gateway) => gateway.output().includes("Redis answers again")));
    await expect.poll(back, { timeout: 10_000 }).toEqual([true, true]);
    await expect.poll(async () => (await ask(closed, KEYS.plenty)).status, { timeout: 10_000 }).toBe(200);
    ended = true;
    await Promise.all(load);
    expect(Object.keys(counted(seen))).toEqual(["200"]);
    expect(seen.length).toBeGreaterThan(50);
    for (const gateway of gateways) expect(gateway.output()).toContain("Redis does not answer");
  });

  test("a Redis that hangs holds no request for longer than its timeout", async () => {
    redis.pause();
    const answers = await many(20, KEYS.plenty);
    redis.resume();
    expect(counted(answers)).toEqual({ 200: 20 });
  });
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

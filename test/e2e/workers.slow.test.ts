import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";

const running: RunningGateway[] = [];
afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop();
});

const KEYS = {
  thirty: "sk-thirty-0123456789abcdef",
  two: "sk-two-0123456789abcdef",
  free: "sk-free-0123456789abcdef",
};
const config = (models: string, more = "") => `version: 1
workers: 2
responses: { store: none }
watch_config: false
${more}models:
${models}`;
const FAKE = "  quick: { preload: true, placements: [{ driver: fake, parallel: 64 }] }\n";
const SLOW = "  slow: { placements: [{ driver: fake, parallel: 64, tokens_per_second: 50 }] }\n";
const LIMITED = `api_keys:
  - { name: thirty, key: ${KEYS.thirty}, rpm: 30 }
  - { name: two, key: ${KEYS.two}, max_parallel_requests: 2 }
  - { name: free, key: ${KEYS.free} }
`;

async function started(text: string): Promise<RunningGateway> {
  const gateway = await startGateway({ config: text });
  running.push(gateway);
  await expect.poll(() => gateway.output(), { timeout: 20_000 }).toContain("Ready.");
  return gateway;
}

const ask = (
  { address }: RunningGateway,
  { key = KEYS.free, model = "quick", content = "hello", ...more }: Record<string, unknown> = {},
  // A connection that is being handed to a worker as it is killed hangs.
  signal = AbortSignal.timeout(20_000),
) =>
  fetch(`${address}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}`, connection: "close" },
    body: JSON.stringify({ model, messages: [{ role: "user", content }], ...more }),
    signal,
  });
const statuses = async (answers: readonly Promise<Response>[]) =>
  Object.fromEntries(
    Object.entries(Object.groupBy(await Promise.all(answers), ({ status }) => status)).map(([status, of]) => [
      status,
      of?.length,
    ]),
  );
async function json(gateway: RunningGateway, path: string, method = "GET") {
  const answer = await fetch(gateway.address + path, { method });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}
/** Values of a metric's series that have all these labels, added up. */
async function measured(gateway: RunningGateway, name: string, labels = ""): Promise<number> {
  const text = await (await fetch(`${gateway.address}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => new RegExp(`^${name}(\\{| )`).test(line) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
const COUNT = "http_server_request_duration_seconds_count";
const CHATS = 'route="/v1/chat/completions"';

test("several workers are one gateway: both answer, limits are exact, metrics and /admin are of all", async () => {
  const gateway = await started(config(FAKE + SLOW, LIMITED));
  expect(gateway.output().match(/listens on/g)).toHaveLength(1);
  expect(gateway.output()).toContain("with 2 workers");
  expect(gateway.enginePids()).toHaveLength(2);
  expect(await statuses(Array.from({ length: 80 }, () => ask(gateway, { key: KEYS.thirty })))).toEqual({
    200: 30,
    429: 50,
  });
  const slow = { key: KEYS.two, model: "slow", content: "x".repeat(20) };
  expect(await statuses(Array.from({ length: 10 }, () => ask(gateway, slow)))).toEqual({ 200: 2, 429: 8 });
  expect(await statuses([ask(gateway, slow), ask(gateway, slow)])).toEqual({ 200: 2 });
  expect(await measured(gateway, COUNT, CHATS)).toBe(92);
  expect(await measured(gateway, "gen_ai_server_request_duration_seconds_count", 'model="quick"')).toBe(30);
  expect(await measured(gateway, "dolly_workers")).toBe(2);
  expect(await measured(gateway, "dolly_slots", 'model="quick"')).toBe(128);
  expect(await measured(gateway, "dolly_placement_state", 'state="ready"')).toBe(2);
  const { body } = await json(gateway, "/admin/routes");
  const quick = body.data.find(({ id }: { id: string }) => id === "quick");
  expect(quick.placements).toMatchObject([
    { id: "quick/0", worker: 1 },
    { id: "quick/0", worker: 2 },
  ]);
  const [first, second] = quick.placements.map(({ requests }: { requests: number }) => requests);
  expect(first + second).toBe(30);
  expect(Math.min(first, second)).toBeGreaterThan(0);
  expect(await json(gateway, "/admin/models/quick/unload", "POST")).toMatchObject({
    status: 200,
    body: {
      placements: [
        { worker: 1, state: "unloaded" },
        { worker: 2, state: "unloaded" },
      ],
    },
  });
  expect(await json(gateway, "/admin/models/nobody/load", "POST")).toMatchObject({
    status: 404,
    body: { error: { code: "model_not_found" } },
  });
});

test("where a Redis is away, the workers still count together", async () => {
  const away = 'rate_limits: { redis: "redis://127.0.0.1:9", redis_timeout: 0.1 }\n';
  const gateway = await started(config(FAKE, away + LIMITED));
  expect(await statuses(Array.from({ length: 60 }, () => ask(gateway, { key: KEYS.thirty })))).toEqual({
    200: 30,
    429: 30,
  });
  expect((await json(gateway, "/admin/config")).body.limits).toMatchObject({
    store: "redis",
    reachable: false,
  });
});

test("a worker that dies is started again with the configuration in force; the other goes on, and no total falls", async () => {
  const gateway = await started(config(FAKE + SLOW));
  writeFileSync(
    gateway.configFile,
    config(`${FAKE}  added: { placements: [{ driver: fake }] }\n`, "log_level: error\n"),
  );
  const reloaded = {
    generation: 2,
    models: { added: ["added"], removed: ["slow"] },
    restart_required: ["log_level"],
  };
  expect((await json(gateway, "/admin/reload", "POST")).body).toMatchObject(reloaded);
  // What is wrong now must not reach a worker that starts later.
  writeFileSync(gateway.configFile, config(`${FAKE}  bad: { placements: [] }\n`));
  expect(await json(gateway, "/admin/reload", "POST")).toMatchObject({
    status: 400,
    body: { error: { code: "invalid_config" } },
  });
  // Nor may what the processes that run now would each load, whatever the file says of a restart.
  writeFileSync(
    gateway.configFile,
    "version: 1\nmodels: { own: { placements: [{ driver: llama-cpp, model: ./m.gguf }] } }\n",
  );
  expect((await json(gateway, "/admin/reload", "POST")).body.error.message).toMatch(
    /models\.own\.placements\[0\]\.driver: with workers: 2 /,
  );
  for (let sent = 0; sent < 10; sent += 1) expect((await ask(gateway)).status).toBe(200);
  const before = await measured(gateway, COUNT, CHATS);
  expect(before).toBe(10);
  const [victim = 0, survivor] = gateway.enginePids();
  process.kill(victim, "SIGKILL");
  await expect.poll(() => gateway.output()).toContain("a worker ended; it is started again");
  expect(gateway.enginePids()).toEqual([survivor]);
  for (let sent = 0; sent < 10; sent += 1) expect((await ask(gateway, { model: "added" })).status).toBe(200);
  expect(await measured(gateway, COUNT, CHATS)).toBe(20);
  expect(await measured(gateway, "dolly_workers")).toBe(1);
  await expect.poll(() => measured(gateway, "dolly_workers"), { timeout: 20_000 }).toBe(2);
  expect(await measured(gateway, COUNT, CHATS)).toBe(20);
  expect(await measured(gateway, "dolly_worker_restarts_total")).toBe(1);
  // Connections go to the workers in turns: both know what was added, and say the same of the reloads.
  expect(await statuses(Array.from({ length: 10 }, () => ask(gateway, { model: "added" })))).toEqual({
    200: 10,
  });
  for (let look = 0; look < 4; look += 1) {
    expect((await json(gateway, "/admin/config")).body).toMatchObject({
      generation: 2,
      reloads: { applied: 1, unchanged: 0, refused: 2 },
      refusal: { trigger: "admin", message: expect.stringContaining("models.own") },
      restart_required: ["log_level"],
    });
  }
});

test("the port stays what it was where the last worker dies before the next listens", async () => {
  const gateway = await started(config(FAKE));
  const [first = 0, second = 0] = gateway.enginePids();
  process.kill(first, "SIGKILL");
  await expect.poll(() => gateway.enginePids().filter((pid) => pid !== first)).toHaveLength(2);
  process.kill(second, "SIGKILL");
  await expect
    .poll(
      () =>
        ask(gateway, {}, AbortSignal.timeout(1000)).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 20_000 },
    )
    .toBe(200);
  await expect.poll(() => measured(gateway, "dolly_workers"), { timeout: 20_000 }).toBe(2);
});

test("what one worker cannot serve, none serves", async () => {
  // An engine that is there for the first who looks, and then gone.
  let asked = 0;
  const engine = createServer((_request, response) => {
    asked += 1;
    if (asked > 1) response.destroy();
    else response.setHeader("content-type", "application/json").end('{"object":"list","data":[{"id":"m"}]}');
  });
  engine.listen(0, "127.0.0.1");
  await once(engine, "listening");
  const { port } = engine.address() as AddressInfo;
  const gateway = await started(config(FAKE));
  const added = `  added: { preload: true, template: dolly-v2, placements: [{ driver: openai, engine: vllm, api_base: "http://127.0.0.1:${port}/v1" }] }\n`;
  writeFileSync(gateway.configFile, config(FAKE + added));
  expect((await json(gateway, "/admin/reload", "POST")).status).toBe(400);
  expect(asked).toBeGreaterThanOrEqual(2);
  engine.close();
  for (let look = 0; look < 4; look += 1) {
    expect((await ask(gateway, { model: "added" })).status).toBe(404);
    expect((await json(gateway, "/admin/config")).body).toMatchObject({
      generation: 1,
      reloads: { refused: 1 },
    });
  }
  writeFileSync(gateway.configFile, config(FAKE + SLOW));
  gateway.process.kill("SIGHUP");
  await expect
    .poll(() => statuses(Array.from({ length: 4 }, () => ask(gateway, { model: "slow", max_tokens: 1 }))))
    .toEqual({ 200: 4 });
});

test("a stopping gateway lets the running answers of every worker finish; a dead worker holds no place of a key", async () => {
  const gateway = await started(config(FAKE + SLOW, LIMITED));
  const long = { key: KEYS.two, model: "slow", content: "x".repeat(300), stream: true };
  const held = await Promise.all([ask(gateway, long), ask(gateway, long)]);
  expect(held.map(({ status }) => status)).toEqual([200, 200]);
  expect((await ask(gateway, long)).status).toBe(429);
  for (const pid of gateway.enginePids()) process.kill(pid, "SIGKILL");
  await Promise.allSettled(held.map((answer) => answer.text()));
  await expect
    .poll(
      () =>
        ask(gateway, long, AbortSignal.timeout(1000)).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 20_000 },
    )
    .toBe(200);
  await expect.poll(() => measured(gateway, "dolly_workers").catch(() => 0), { timeout: 20_000 }).toBe(2);
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => ask(gateway, { model: "slow", content: "y".repeat(30), stream: true })),
  );
  const status = gateway.stop();
  running.splice(0);
  for (const answer of answers) expect(await answer.text()).toContain("[DONE]");
  expect(await status).toBe(0);
});

test("a port that is taken is told once, and nothing is left running", async () => {
  const taken = createServer();
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const failure: unknown = await startGateway({ config: config(FAKE), args: ["--port", String(port)] }).catch(
    (error: unknown) => error,
  );
  taken.close();
  const told = String(failure);
  expect(told).toContain("status 1");
  expect(told.match(/is in use by another program/g)).toHaveLength(1);
});

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashKey } from "../../src/access/key-hash.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";

/** Secrets, each in the place where it belongs. */
const SECRETS = {
  clientKey: "sk-canary-client-0123456789",
  wrongKey: "sk-canary-wrong-0123456789",
  adminKey: "sk-canary-admin-0123456789",
  metricsKey: "sk-canary-metrics-0123456789",
  upstreamKey: "sk-canary-upstream-0123456789",
  redisPassword: "canaryredispassword",
  hubToken: "hf_canaryhubtoken0123456789",
  otherVariable: "canary-other-variable",
};
/** What people write and get. */
const PROMPTS = {
  prompt: "canaryprompt",
  system: "canarysystem",
  document: "canarydocument",
  completion: "canarycompletion",
  user: "canaryuser",
  metadata: "canarymetadata",
  unknownModel: "canary-unknown-model",
};

const scratch = mkdtempSync(join(tmpdir(), "dolly-canaries-"));
const spans: string[] = [];
const collector = createServer((request, response) => {
  let text = "";
  request.on("data", (data: Buffer) => {
    text += data.toString("latin1");
  });
  request.on("end", () => {
    spans.push(text);
    response.end("{}");
  });
});
let upstream: RunningGateway;
let gateway: RunningGateway;
/** Everything that anybody but the asking client was told. */
let told = "";

const listening = (server: typeof collector): Promise<number> =>
  new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    }),
  );

beforeAll(async () => {
  const port = await listening(collector);
  upstream = await startGateway({
    config: `version: 1
log_level: debug
api_keys: [{ name: front, key: ${SECRETS.upstreamKey} }]
models: { m: { template: dolly-v2, placements: [{ driver: llama-cpp, model: "${embeddedModel}" }] } }
`,
  });
  gateway = await startGateway({
    config: `version: 1
log_level: debug
admin_key: \${env.CANARY_ADMIN}
metrics_key: ${SECRETS.metricsKey}
api_keys:
  - { name: holder, key: ${SECRETS.clientKey}, rpm: 1000 }
rate_limits: { redis: "redis://:${SECRETS.redisPassword}@127.0.0.1:9", redis_timeout: 0.05 }
tracing: { endpoint: "http://127.0.0.1:${port}/v1/traces", headers: { authorization: "${SECRETS.otherVariable}" } }
models:
  near: { preload: true, placements: [{ driver: llama-cpp, model: "${embeddedModel}" }] }
  far: { template: dolly-v2, placements: [{ driver: openai, api_base: "${upstream.address}/v1", api_key: ${SECRETS.upstreamKey}, tokenizer: "${embeddedModel}" }] }
  dead: { template: dolly-v2, placements: [{ driver: openai, api_base: "http://127.0.0.1:9/v1", api_key: ${SECRETS.upstreamKey}, tokenizer: "${embeddedModel}" }] }
  crash: { placements: [{ driver: fake, crash_on: ${PROMPTS.prompt} }] }
`,
    env: { CANARY_ADMIN: SECRETS.adminKey, HF_TOKEN: SECRETS.hubToken, CANARY_OTHER: SECRETS.otherVariable },
  });
});
afterAll(async () => {
  await Promise.all([gateway.stop(), upstream.stop()]);
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));
  rmSync(scratch, { recursive: true, force: true });
});

const post = (path: string, body: unknown, key: string = SECRETS.clientKey) =>
  fetch(gateway.address + path, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

const chat = (model: string, more: object = {}) => ({
  model,
  max_tokens: 8,
  messages: [
    { role: "system", content: PROMPTS.system },
    { role: "user", content: `Say ${PROMPTS.prompt} twice.` },
  ],
  documents: [PROMPTS.document],
  user: PROMPTS.user,
  metadata: { note: PROMPTS.metadata },
  ...more,
});

test("secrets and prompts are planted everywhere, in what works and in what fails", async () => {
  const statuses: number[] = [];
  for (const model of ["near", "far", "dead", "crash", PROMPTS.unknownModel]) {
    for (const stream of [false, true]) {
      const answer = await post("/v1/chat/completions", chat(model, { stream }));
      await answer.text();
      statuses.push(answer.status);
    }
  }
  expect(statuses.slice(0, 4)).toEqual([200, 200, 200, 200]);
  expect(statuses.slice(4).every((status) => status >= 400 || status === 200)).toBe(true);
  await (
    await post("/v1/completions", {
      model: "near",
      prompt: PROMPTS.completion,
      max_tokens: 4,
      echo: true,
      logprobs: 1,
    })
  ).text();
  await (await post("/v1/responses", { model: "near", input: PROMPTS.prompt, max_output_tokens: 4 })).text();
  await (await post("/tokenize", { model: "near", prompt: PROMPTS.prompt })).text();
  for (const wrong of [
    chat("near", { temperature: PROMPTS.prompt }),
    chat("near", {
      response_format: {
        type: "json_schema",
        json_schema: { name: "a", schema: { pattern: `(${PROMPTS.prompt}` } },
      },
    }),
    `{"model": "near", "messages": [{"content": "${PROMPTS.prompt}`,
    { model: "near", messages: [{ role: "user", content: `${PROMPTS.prompt} `.repeat(2000) }] },
  ]) {
    const answer = await post("/v1/chat/completions", wrong);
    await answer.text();
    expect(answer.status).toBe(400);
  }
  for (const key of [SECRETS.wrongKey, SECRETS.adminKey, ""]) {
    const answer = await post("/v1/chat/completions", chat("near"), key);
    const text = await answer.text();
    expect(answer.status).toBe(401);
    told += text;
  }
  // A client that leaves.
  const left = new AbortController();
  const leaving = await fetch(`${gateway.address}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${SECRETS.clientKey}` },
    body: JSON.stringify(chat("near", { stream: true, max_tokens: 200, min_tokens: 200 })),
    signal: left.signal,
  });
  await leaving.body?.getReader().read();
  left.abort();
  // An engine that dies over what it is computing.
  const dying = await post(
    "/v1/chat/completions",
    chat("near", { stream: true, max_tokens: 200, min_tokens: 200 }),
  );
  const chunks = dying.body?.getReader();
  await chunks?.read();
  for (const pid of gateway.enginePids()) process.kill(pid, "SIGSEGV");
  let ending = "";
  for (let part = await chunks?.read(); part !== undefined && !part.done; part = await chunks?.read()) {
    ending += Buffer.from(part.value).toString();
  }
  expect(ending).toContain('data: {"error":');
  await expect.poll(gateway.output).toContain("SIGSEGV");
  // Wrong config files, with secrets in the places that are wrong.
  writeFileSync(
    gateway.configFile,
    `version: 1\nadmin_key: [${SECRETS.adminKey}]\napi_keys: [{ name: a, key: ${SECRETS.clientKey}, kez: 1 }]\nmodels: {}\n`,
  );
  const reload = await fetch(`${gateway.address}/admin/reload`, {
    method: "POST",
    headers: { authorization: `Bearer ${SECRETS.adminKey}` },
  });
  told += await reload.text();
  expect(reload.status).toBe(400);
});

test("they are in no log line, metric, trace, administrative answer, refusal, command line or file", async () => {
  await new Promise((resolve) => setTimeout(resolve, 6000));
  for (const path of ["/admin/models", "/admin/routes", "/admin/config", "/metrics", "/health", "/ready"]) {
    const answer = await fetch(gateway.address + path, {
      headers: { authorization: `Bearer ${SECRETS.adminKey}` },
    });
    expect(answer.status).toBeLessThan(500);
    told += await answer.text();
  }
  told += await (
    await fetch(`${gateway.address}/v1/models`, { headers: { authorization: `Bearer ${SECRETS.clientKey}` } })
  ).text();
  for (const pid of [gateway.process.pid, ...gateway.enginePids()]) {
    told += readFileSync(`/proc/${pid}/cmdline`, "utf8");
  }
  for (const file of readdirSync(process.cwd()))
    if (/^(report|core|Heap)\b/.test(file)) told += readFileSync(file, "latin1");
  const doctor = spawnSync(
    process.execPath,
    ["bin/dolly.js", "doctor", "--json", "--config", gateway.configFile],
    {
      encoding: "utf8",
      env: { ...process.env, HF_TOKEN: SECRETS.hubToken },
    },
  );
  const check = spawnSync(process.execPath, ["bin/dolly.js", "config", "check", gateway.configFile], {
    encoding: "utf8",
  });
  told += doctor.stdout + doctor.stderr + check.stdout + check.stderr;
  expect(spans.length).toBeGreaterThan(0);
  expect(gateway.output()).toContain('"key":"holder"');
  const places = { gateway: gateway.output(), engine: upstream.output(), traces: spans.join(""), told };
  const found = Object.entries(places).flatMap(([place, text]) =>
    [...Object.entries(SECRETS), ...Object.entries(PROMPTS)].flatMap(([name, canary]) =>
      text.includes(canary)
        ? [
            `${name} in ${place}: ${text.slice(Math.max(0, text.indexOf(canary) - 150), text.indexOf(canary) + 40)}`,
          ]
        : [],
    ),
  );
  expect(found).toEqual([]);
  for (const secret of [SECRETS.clientKey, SECRETS.upstreamKey]) {
    for (const text of Object.values(places)) expect(text).not.toContain(hashKey(secret));
  }
}, 60_000);

/**
 * The gateway in front of another engine, beside other proxies in front of the same one, in turns in one run. README.md tells
 * the method.
 */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { freePort } from "./free-port.ts";
import type { Figures } from "./measurements.ts";
import { cpuBetween, readCpu } from "./process-cpu.ts";
import { comparison, type ServerRounds } from "./report.ts";
import { checkout, type RunningServer, startServer } from "./server.ts";
import { StreamClient } from "./stream-client.ts";

const USAGE = `usage: npm run bench:proxies -- [options]

  --litellm FILE   the program litellm of litellm[proxy]; without it LiteLLM is left out
  --portkey FOLDER node_modules/@portkey-ai/gateway; without it Portkey's gateway is left out
  --clients N      clients at the same time (default 16)
  --requests N     answers in one piece that each client asks for in a round (default 40)
  --tokens N       tokens of each stream (default 1000)
  --rounds N       rounds, after one that warms up (default 3)
  --crowd N        streams at the same time, through this gateway only (default 1000)
`;

const { values: options } = parseArgs({
  options: {
    litellm: { type: "string" },
    portkey: { type: "string" },
    clients: { type: "string", default: "16" },
    requests: { type: "string", default: "40" },
    tokens: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    crowd: { type: "string", default: "1000" },
    help: { type: "boolean", default: false },
  },
});

/** Something that chats are sent to. */
interface Target {
  readonly name: string;
  readonly base: string;
  readonly server: RunningServer;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether its streams can be measured. */
  readonly streams: boolean;
}

const ASKED_ALONE = 200;
const chat = (maxTokens: number) => ({
  model: "bench",
  max_tokens: maxTokens,
  messages: [{ role: "user", content: "Say something." }],
});
const PATH = "/v1/chat/completions";

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "dolly-proxies-"));
  const running: RunningServer[] = [];
  try {
    const port = await freePort();
    const upstream = `http://127.0.0.1:${port}/v1`;
    const args = [join(checkout, "bench", "peers", "fake-upstream.ts"), String(port)];
    const server = await startServer({ program: process.execPath, args, ready: /^Ready/ });
    running.push(server);
    const targets = [await startGateway(scratch, upstream)];
    if (options.litellm !== undefined) targets.push(await startLitellm(options.litellm, scratch, upstream));
    if (options.portkey !== undefined) targets.push(await startPortkey(options.portkey, upstream));
    targets.push({
      name: "the engine alone",
      base: upstream.replace("/v1", ""),
      server,
      headers: {},
      streams: true,
    });
    running.push(...targets.map((target) => target.server));
    const rounds = new Map<string, Figures[]>(targets.map(({ name }) => [name, []]));
    for (let round = 0; round <= Number(options.rounds); round += 1) {
      for (const target of targets) {
        const figures = {
          ...(await alone(target)),
          ...(await together(target)),
          ...(target.streams ? await streams(target) : {}),
        };
        if (round > 0) rounds.get(target.name)?.push(figures);
      }
    }
    const told: ServerRounds[] = targets.map(({ name }) => ({ name, rounds: rounds.get(name) ?? [] }));
    console.log(`node ${process.version}, clients: ${options.clients}\n\n${comparison(told)}\n`);
    const [gateway] = targets;
    if (gateway !== undefined) console.log(await crowd(gateway));
  } finally {
    for (const one of running) await one.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function startGateway(scratch: string, upstream: string): Promise<Target> {
  const config = join(scratch, "dolly.yaml");
  const placement = { driver: "openai", api_base: upstream, engine: "vllm", parallel: 4096 };
  const models = { bench: { template: "dolly-v2", preload: true, placements: [placement] } };
  writeFileSync(config, stringify({ version: 1, log_level: "warn", models }));
  const port = await freePort();
  const server = await startServer({
    program: process.execPath,
    args: [join(checkout, "bin", "dolly.js"), "serve", "--config", config, "--port", String(port)],
    ready: /^Ready/,
  });
  return { name: "gateway", base: `http://127.0.0.1:${port}`, server, headers: {}, streams: true };
}

/** It starts with a key only. */
const LITELLM_KEY = `sk-${randomBytes(16).toString("hex")}`;

async function startLitellm(program: string, scratch: string, upstream: string): Promise<Target> {
  const config = join(scratch, "litellm.yaml");
  const model = {
    model_name: "bench",
    litellm_params: { model: "openai/bench", api_base: upstream, api_key: "none" },
  };
  const settings = { telemetry: false, num_retries: 0 };
  writeFileSync(config, stringify({ model_list: [model], litellm_settings: settings }));
  const port = await freePort();
  const server = await startServer({
    program,
    args: ["--config", config, "--host", "127.0.0.1", "--port", String(port)],
    env: {
      LITELLM_MASTER_KEY: LITELLM_KEY,
      LITELLM_LOCAL_MODEL_COST_MAP: "True",
      LITELLM_LOG: "ERROR",
      LITELLM_MODE: "PRODUCTION",
    },
    ready: /.+/,
  });
  const base = `http://127.0.0.1:${port}`;
  await answering(`${base}/health/liveliness`);
  return {
    name: "LiteLLM",
    base,
    server,
    headers: { authorization: `Bearer ${LITELLM_KEY}` },
    streams: true,
  };
}

async function startPortkey(folder: string, upstream: string): Promise<Target> {
  const port = await freePort();
  const server = await startServer({
    program: process.execPath,
    args: [join(folder, "build", "start-server.js"), `--port=${port}`, "--headless"],
    ready: /.+/,
  });
  const base = `http://127.0.0.1:${port}`;
  await answering(base);
  const headers = {
    authorization: "Bearer none",
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": upstream,
  };
  // Release 1.15.2 answers every stream with a 500 on Node 20 and 24: it changes headers that cannot be changed.
  return { name: "Portkey", base, server, headers, streams: false };
}

async function answering(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${url} does not answer`);
}

const clientOf = ({ base, headers }: Target): StreamClient =>
  new StreamClient(base, { keepAlive: true, headers });

/** One request after the other. */
async function alone(target: Target): Promise<Figures> {
  const client = clientOf(target);
  const [whole, first]: [number[], number[]] = [[], []];
  for (let sent = 0; sent < ASKED_ALONE; sent += 1) {
    const began = performance.now();
    await client.post(PATH, chat(1));
    whole.push(performance.now() - began);
    if (target.streams) first.push((await client.stream(PATH, chat(4))).firstTextMs);
  }
  client.close();
  return {
    "one at a time, in one piece, p50, ms": quantile(whole, 0.5),
    "one at a time, in one piece, p99, ms": quantile(whole, 0.99),
    ...(target.streams
      ? {
          "one at a time, first token, p50, ms": quantile(first, 0.5),
          "one at a time, first token, p99, ms": quantile(first, 0.99),
        }
      : {}),
  };
}

const quantile = (values: number[], share: number): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length * share)] ?? Number.NaN;

async function together(target: Target): Promise<Figures> {
  const pool = Array.from({ length: Number(options.clients) }, () => clientOf(target));
  const began = performance.now();
  await Promise.all(
    pool.map(async (client) => {
      for (let sent = 0; sent < Number(options.requests); sent += 1) await client.post(PATH, chat(1));
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  for (const client of pool) client.close();
  return { "answers in one piece, requests/s": (pool.length * Number(options.requests)) / seconds };
}

async function streams(target: Target): Promise<Figures> {
  const pool = Array.from({ length: Number(options.clients) }, () => clientOf(target));
  const before = readCpu(target.server.pid);
  const began = performance.now();
  const answers = await Promise.all(pool.map((client) => client.stream(PATH, chat(Number(options.tokens)))));
  const seconds = (performance.now() - began) / 1000;
  const cpu = cpuBetween(before, readCpu(target.server.pid));
  for (const client of pool) client.close();
  const tokens = answers.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
  return { "streams, tokens/s": tokens / seconds, "CPU of a streamed token, µs": (cpu * 1e6) / tokens };
}

/** As many streams as an operator may have, all at once. */
async function crowd(target: Target): Promise<string> {
  const count = Number(options.crowd);
  const outcomes = await Promise.allSettled(
    Array.from({ length: count }, async () => {
      const client = clientOf(target);
      try {
        return await client.stream(PATH, chat(50));
      } finally {
        client.close();
      }
    }),
  );
  const failed = outcomes.filter(({ status }) => status === "rejected");
  const [first] = failed;
  const reason = first?.status === "rejected" ? `: ${String(first.reason)}` : "";
  return `${count} streams at once: ${failed.length} failed${reason}`;
}

if (options.help) console.log(USAGE);
else await main();

/**
 * What the gateway itself costs, without an engine: the fake driver answers from its own process, a token as soon as the
 * one before was taken. README.md tells the method.
 */

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { END, END_OF_TEXT } from "../drivers/fake/vocabulary.ts";
import type { ProbeReading } from "./event-loop-probe.ts";
import { freePort } from "./free-port.ts";
import type { Figures } from "./measurements.ts";
import { comparison } from "./report.ts";
import { checkout, probe, probeArgs, startServer } from "./server.ts";
import { StreamClient } from "./stream-client.ts";

const USAGE = `usage: npm run bench:overhead -- [options]

  --clients N    clients at the same time (default 16)
  --requests N   answers in one piece that each client asks for in a round (default 100)
  --tokens N     tokens of each stream, one chunk a token (default 4000)
  --rounds N     rounds, after one that warms up (default 5)
  --bare         without metrics
  --traced       with a trace of every request, sent to a collector that throws it away
`;

const { values: options } = parseArgs({
  options: {
    clients: { type: "string", default: "16" },
    requests: { type: "string", default: "100" },
    tokens: { type: "string", default: "4000" },
    rounds: { type: "string", default: "5" },
    bare: { type: "boolean", default: false },
    traced: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const CHAT = { model: "fake", messages: [{ role: "user", content: "Say something." }] };

async function main(): Promise<void> {
  const clients = wholeNumber("clients");
  const scratch = mkdtempSync(join(tmpdir(), "dolly-overhead-"));
  const collector = await startCollector();
  try {
    const tracing = options.traced ? { tracing: { endpoint: collector.url } } : {};
    const telemetry = { metrics: !options.bare, ...tracing };
    const gateway = await startFake(join(scratch, "dolly.yaml"), clients, telemetry);
    try {
      const rounds: Figures[] = [];
      for (let round = 0; round <= wholeNumber("rounds"); round += 1) {
        const whole = await measureWhole(gateway, clients, wholeNumber("requests"));
        const streamed = await measureStreams(gateway, clients, wholeNumber("tokens"));
        if (round > 0) rounds.push({ ...whole, ...streamed });
      }
      console.log(`node ${process.version}, clients: ${clients}\n`);
      console.log(comparison([{ name: "gateway", rounds }]));
    } finally {
      await gateway.stop();
    }
  } finally {
    collector.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Takes traces as a collector does and throws them away. */
async function startCollector(): Promise<{ url: string; close(): void }> {
  const port = await freePort();
  const server = createServer((request, response) => {
    request.resume().once("end", () => response.end("{}"));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${port}/v1/traces`, close: () => server.close() };
}

interface FakeGateway {
  readonly base: string;
  /** What happened in its process since the last call. */
  probe(): Promise<ProbeReading>;
  stop(): Promise<void>;
}

async function startFake(config: string, clients: number, telemetry: object): Promise<FakeGateway> {
  const answers = [{ texts: ["Something, since you ask."] }];
  const placement = { driver: "fake", answers, parallel: clients, context_length: 1 << 16 };
  const models = { fake: { preload: true, placements: [placement] } };
  writeFileSync(config, stringify({ ...telemetry, models }));
  const port = await freePort();
  const command = [join(checkout, "bin", "dolly.js"), "serve", "--config", config, "--port", String(port)];
  const server = await startServer({
    program: process.execPath,
    args: [...probeArgs, ...command],
    ready: /^Ready/,
    messages: true,
  });
  return {
    base: `http://127.0.0.1:${port}`,
    probe: () => probe(server),
    stop: server.stop,
  };
}

async function measureWhole(gateway: FakeGateway, clients: number, requests: number): Promise<Figures> {
  const { seconds, reading } = await load(gateway, clients, async (client) => {
    for (let sent = 0; sent < requests; sent += 1) await client.post("/v1/chat/completions", CHAT);
  });
  const total = clients * requests;
  return {
    "answers in one piece, requests/s": total / seconds,
    "CPU of an answer in one piece, µs": reading.cpuMicros / total,
    "event loop's delay meanwhile, p99, ms": reading.delayP99Ms,
  };
}

async function measureStreams(gateway: FakeGateway, clients: number, tokens: number): Promise<Figures> {
  let chunks = 0;
  const { seconds, reading } = await load(gateway, clients, async (client) => {
    const endless = { [END]: -100, [END_OF_TEXT]: -100 };
    const body = { ...CHAT, max_tokens: tokens, logit_bias: endless };
    const { textFrames, completionTokens } = await client.stream("/v1/chat/completions", body);
    if (completionTokens !== tokens)
      throw new Error(`a stream had ${completionTokens} tokens, not ${tokens}`);
    chunks += textFrames;
  });
  return {
    "streams, chunks/s": chunks / seconds,
    "CPU of a streamed chunk, µs": reading.cpuMicros / chunks,
    "event loop's delay while streaming, p99, ms": reading.delayP99Ms,
    "event loop's delay while streaming, most, ms": reading.delayMaxMs,
    "resident memory, MiB": reading.residentMiB,
  };
}

/** Lets every client do its work at the same time. */
async function load(
  gateway: FakeGateway,
  clients: number,
  work: (client: StreamClient) => Promise<void>,
): Promise<{ seconds: number; reading: ProbeReading }> {
  const pool = Array.from({ length: clients }, () => new StreamClient(gateway.base, { keepAlive: true }));
  await gateway.probe();
  const begun = performance.now();
  await Promise.all(pool.map(work));
  const seconds = (performance.now() - begun) / 1000;
  const reading = await gateway.probe();
  for (const client of pool) client.close();
  return { seconds, reading };
}

function wholeNumber(name: "clients" | "requests" | "tokens" | "rounds"): number {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} ${options[name]}: a whole number above 0 is needed`);
}

if (options.help) console.log(USAGE);
else await main();

/** One worker beside several, before an engine that computes nothing. README.md tells the method. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { limitCpu } from "./cpu-share.ts";
import { freePort } from "./free-port.ts";
import type { Figures } from "./measurements.ts";
import { cpuBetween, readCpu } from "./process-cpu.ts";
import { comparison, type ServerRounds } from "./report.ts";
import { checkout, type RunningServer, startServer } from "./server.ts";
import { StreamClient } from "./stream-client.ts";

const USAGE = `usage: npm run bench:workers -- [options]

  --workers N      beside one worker (default 2)
  --share N        percent of a core that each worker may use, so that the client and the engine do not compete with it for the
                   machine's cores (Linux, as root); without it, as much as there is
  --clients N      clients at the same time (default 16)
  --seconds N      that clients ask for, one answer after the other, answers in one piece and then streams (default 4)
  --tokens N       tokens of each stream (default 250)
  --rounds N       rounds, after one that warms up (default 3)
`;

const { values: options } = parseArgs({
  options: {
    workers: { type: "string", default: "2" },
    share: { type: "string" },
    clients: { type: "string", default: "16" },
    seconds: { type: "string", default: "4" },
    tokens: { type: "string", default: "250" },
    rounds: { type: "string", default: "3" },
    help: { type: "boolean", default: false },
  },
});

const PATH = "/v1/chat/completions";
const chat = (maxTokens: number) => ({
  model: "bench",
  max_tokens: maxTokens,
  messages: [{ role: "user", content: "Say something." }],
});

/** A gateway with so many workers. */
interface Target {
  readonly name: string;
  readonly base: string;
  /** The one that serves, or the first one and those that serve. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "dolly-workers-"));
  const started: { stop(): Promise<void> }[] = [];
  try {
    const port = await freePort();
    const args = [join(checkout, "bench", "peers", "fake-upstream.ts"), String(port)];
    started.push(await startServer({ program: process.execPath, args, ready: /^Ready/ }));
    const targets: Target[] = [];
    for (const workers of [Number(options.workers), 1]) {
      const target = await startGateway(scratch, `http://127.0.0.1:${port}/v1`, workers);
      started.push(target);
      targets.push(target);
    }
    const rounds = new Map<string, Figures[]>(targets.map(({ name }) => [name, []]));
    for (let round = 0; round <= Number(options.rounds); round += 1) {
      for (const target of targets) {
        const figures = { ...(await whole(target)), ...(await streamed(target)) };
        if (round > 0) rounds.get(target.name)?.push(figures);
      }
    }
    const told: ServerRounds[] = targets.map(({ name }) => ({ name, rounds: rounds.get(name) ?? [] }));
    const limit = options.share === undefined ? "" : `, ${options.share} % of a core for each worker`;
    console.log(`node ${process.version}, clients: ${options.clients}${limit}\n\n${comparison(told)}`);
  } finally {
    for (const one of started.reverse()) await one.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function startGateway(scratch: string, upstream: string, workers: number): Promise<Target> {
  const config = join(scratch, `${workers}.yaml`);
  const placement = { driver: "openai", api_base: upstream, engine: "vllm", parallel: 4096 };
  const models = { bench: { template: "dolly-v2", preload: true, placements: [placement] } };
  const settings = { version: 1, workers, log_level: "warn", responses: { store: "none" }, models };
  writeFileSync(config, stringify(settings));
  const port = await freePort();
  const server = await startServer({
    program: process.execPath,
    args: [join(checkout, "bin", "dolly.js"), "serve", "--config", config, "--port", String(port)],
    ready: /^Ready/,
  });
  const serving = workers === 1 ? [server.pid] : childrenOf(server);
  const share = Number(options.share ?? 0) / 100;
  const unlimited = share === 0 ? [] : serving.map((pid) => limitCpu(pid, share));
  return {
    name: workers === 1 ? "1 worker" : `${workers} workers`,
    base: `http://127.0.0.1:${port}`,
    pids: workers === 1 ? serving : [server.pid, ...serving],
    async stop() {
      await server.stop();
      for (const end of unlimited) end();
    },
  };
}

const childrenOf = ({ pid }: RunningServer): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);

const whole = (target: Target): Promise<Figures> =>
  load(target, "answers in one piece, requests/s", "CPU of an answer in one piece, µs", async (client) => {
    await client.post(PATH, chat(1));
    return 1;
  });

const streamed = (target: Target): Promise<Figures> =>
  load(target, "streams, tokens/s", "CPU of a streamed token, µs", async (client) => {
    const { completionTokens } = await client.stream(PATH, chat(Number(options.tokens)));
    return completionTokens;
  });

/** Lets every client do its work again and again for a while; `work` gives how much it was. */
async function load(
  target: Target,
  rate: string,
  cost: string,
  work: (client: StreamClient) => Promise<number>,
): Promise<Figures> {
  const pool = Array.from(
    { length: Number(options.clients) },
    () => new StreamClient(target.base, { keepAlive: true }),
  );
  const before = target.pids.map(readCpu);
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  let total = 0;
  await Promise.all(
    pool.map(async (client) => {
      while (elapsed() < Number(options.seconds)) {
        const done = await work(client);
        total += done;
      }
    }),
  );
  const seconds = elapsed();
  const cpu = target.pids
    .map((pid, at) => cpuBetween(before[at] ?? readCpu(pid), readCpu(pid)))
    .reduce((sum, one) => sum + one, 0);
  for (const client of pool) client.close();
  return { [rate]: total / seconds, [cost]: (cpu * 1e6) / total };
}

if (options.help) console.log(USAGE);
else await main();

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { ROWS } from "../../scripts/dashboard-panels.ts";
import { startGateway } from "../gateway-fixture.ts";
import { type Check, deploy, root, succeeded } from "./check.ts";
import { run } from "./tools.ts";

/** Seconds of load; rates are taken over RATE of them. */
const LOAD = 15;
const RATE = 6;

/**
 * A model of each kind of series: one that computes (KV cache, memory), a scripted one whose first placement cannot be
 * loaded (fail-overs, a failed state), and one that fails in the middle of its answers (errors).
 */
const CONFIG = `
metrics_key: scrapes
models:
  dolly-v2-tiny:
    preload: true
    placements: [{ driver: llama-cpp, model: ${join(root, "models", "dolly-v2-tiny")}, type: f16, threads: 1 }]
  second:
    template: plain
    placements:
      - { driver: llama-cpp, model: /nowhere }
      - { driver: fake, parallel: 2, tokens_per_second: 100, answers: [{ texts: [an answer of some length] }] }
  crashes:
    template: plain
    placements: [{ driver: fake, answers: [{ texts: [it ends here and now] }], crash_on: here }]
`;

const results = z.object({
  data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

/** A gateway under load, scraped by a real Prometheus: its page passes promtool, and every panel's query has data. */
export const liveCheck: Check = {
  name: "Prometheus scrapes a loaded gateway; every panel's query has data",
  needs: [
    { names: ["prometheus"], install: "Debian's package prometheus" },
    { names: ["promtool"], install: "Debian's package prometheus" },
  ],
  async run([prometheus = "", promtool = ""]) {
    const scratch = mkdtempSync(join(tmpdir(), "dolly-prometheus-"));
    const gateway = await startGateway({ config: CONFIG });
    let server: ChildProcess | undefined;
    try {
      const port = await freePort();
      const file = join(scratch, "prometheus.yaml");
      writeFileSync(file, scrapeConfig(new URL(gateway.address).host));
      server = spawn(
        prometheus,
        [
          `--config.file=${file}`,
          `--storage.tsdb.path=${scratch}/data`,
          `--web.listen-address=127.0.0.1:${port}`,
        ],
        { stdio: "ignore" },
      );
      await load(gateway.address, LOAD * 1000);
      const page = await fetch(`${gateway.address}/metrics`, {
        headers: { authorization: "Bearer scrapes" },
      });
      succeeded(await run(promtool, ["check", "metrics"], { input: await page.text() }));
      const ask = (query: string) => series(`http://127.0.0.1:${port}`, query);
      const empty: string[] = [];
      const queries = ROWS.flatMap(({ panels }) => panels).flatMap(({ title, queries: all }) =>
        all.map(({ expr }) => ({ title, query: filled(expr) })),
      );
      for (const { title, query } of queries) {
        const values = await ask(query);
        if (!values.some(Number.isFinite)) empty.push(`${title}: ${query}`);
      }
      if (empty.length > 0) throw new Error(`no data:\n${empty.join("\n")}`);
      const rules = await ask('count(ALERTS{alertname="DollyPlacementFailed"})');
      if (rules[0] !== 1) throw new Error("the alerts were not evaluated: the failed placement raised none");
      return `${queries.length} queries of ${ROWS.flatMap(({ panels }) => panels).length} panels`;
    } finally {
      server?.kill("SIGTERM");
      await gateway.stop();
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

/** Grafana's variables as it would fill them. */
const filled = (expr: string): string =>
  expr.replaceAll("$__rate_interval", `${RATE}s`).replaceAll("$instance", ".*").replaceAll("$model", ".*");

const scrapeConfig = (target: string): string => `
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${join(deploy, "prometheus", "alerts.yaml")}]
scrape_configs:
  - job_name: dolly
    authorization: { credentials: scrapes }
    static_configs: [{ targets: ["${target}"] }]
`;

async function series(server: string, query: string): Promise<number[]> {
  const answer = await fetch(`${server}/api/v1/query?query=${encodeURIComponent(query)}`);
  if (!answer.ok) throw new Error(`${query}: ${await answer.text()}`);
  return results.parse(await answer.json()).data.result.map(({ value }) => Number(value[1]));
}

/** Requests to every model, one after the other on four connections. */
async function load(address: string, ms: number): Promise<void> {
  const until = performance.now() + ms;
  const client = async (model: string, more: object): Promise<void> => {
    while (performance.now() < until) {
      const answer = await fetch(`${address}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model, prompt: "What is the capital of Texas?", stream: true, ...more }),
      });
      await answer.text();
      if (!answer.ok) await wait(100);
    }
  };
  await Promise.all([
    client("dolly-v2-tiny-instruct", { max_tokens: 40 }),
    client("dolly-v2-tiny-instruct", { max_tokens: 40 }),
    client("second", { max_tokens: 20 }),
    client("crashes", { max_tokens: 40 }),
  ]);
}

async function freePort(): Promise<number> {
  const server = createServer();
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const address = server.address();
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
  if (address === null || typeof address === "string") throw new TypeError("a TCP server has an address");
  return address.port;
}

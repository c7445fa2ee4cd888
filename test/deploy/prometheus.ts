import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { freePort } from "../../bench/free-port.ts";
import { deploy } from "./check.ts";
import { METRICS_KEY } from "./load.ts";

export interface Prometheus {
  /** The values that a query has now; none before the server answers. Throws where it does not understand the query. */
  ask(query: string): Promise<number[]>;
  stop(): Promise<void>;
}

/** Milliseconds between two scrapes. */
export const SCRAPE_MS = 1000;

const config = (target: string): string => `
global: { scrape_interval: ${SCRAPE_MS}ms, evaluation_interval: ${SCRAPE_MS}ms }
rule_files: [${join(deploy, "prometheus", "alerts.yaml")}]
scrape_configs:
  - job_name: dolly
    authorization: { credentials: ${METRICS_KEY} }
    static_configs: [{ targets: ["${target}"] }]
`;

const answered = z.object({
  data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

/** Starts a Prometheus that scrapes one gateway and evaluates the alerts; its data lies in `folder`. */
export async function startPrometheus(program: string, target: string, folder: string): Promise<Prometheus> {
  const port = await freePort();
  const file = join(folder, "prometheus.yaml");
  writeFileSync(file, config(target));
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const server: ChildProcess = spawn(program, args, { stdio: "ignore" });
  const ended = once(server, "exit");
  return {
    async ask(query) {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
      const answer = await fetch(url).catch(() => undefined);
      if (answer === undefined || answer.status === 503) return [];
      if (!answer.ok) throw new Error(`${query}: ${await answer.text()}`);
      return answered.parse(await answer.json()).data.result.map(({ value }) => Number(value[1]));
    },
    async stop() {
      server.kill("SIGTERM");
      await ended;
    },
  };
}

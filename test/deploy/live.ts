import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setInterval } from "node:timers/promises";
import { ROWS } from "../../scripts/dashboard-panels.ts";
import { startGateway } from "../gateway-fixture.ts";
import { type Check, succeeded, type Tool } from "./check.ts";
import { LOADED_CONFIG, load, METRICS_KEY } from "./load.ts";
import { type Prometheus, SCRAPE_MS, startPrometheus } from "./prometheus.ts";
import { run } from "./tools.ts";

/** Seconds over which rates are taken. */
const RATE = 6;
/** Milliseconds within which every query must have had data. */
const LIMIT_MS = 90_000;

const panels = ROWS.flatMap((row) => row.panels);
/** Every panel's queries with Grafana's variables as it would fill them in, and one that shows that alerts are evaluated. */
const queries = [
  ...panels.flatMap((panel) =>
    panel.queries.map(({ expr }) => ({ title: panel.title, query: filled(expr) })),
  ),
  { title: "the alert on a failed placement", query: 'ALERTS{alertname="DollyPlacementFailed"}' },
];

const install = "Debian's package prometheus";
const tools: readonly Tool[] = ["prometheus", "promtool"].map((name) => ({ names: [name], install }));

/** A gateway under load, scraped by a real Prometheus: its page passes promtool, and every panel's query has data. */
export const liveCheck: Check = {
  name: "Prometheus scrapes a loaded gateway; every panel's query has data",
  needs: tools,
  async run([prometheus = "", promtool = ""]) {
    const scratch = mkdtempSync(join(tmpdir(), "dolly-prometheus-"));
    const gateway = await startGateway({ config: LOADED_CONFIG });
    const stop = new AbortController();
    const loading = load(gateway.address, stop.signal);
    try {
      const server = await startPrometheus(prometheus, new URL(gateway.address).host, scratch);
      try {
        await Promise.race([allHaveData(server), loading]);
      } finally {
        await server.stop();
      }
      const headers = { authorization: `Bearer ${METRICS_KEY}` };
      const page = await (await fetch(`${gateway.address}/metrics`, { headers })).text();
      succeeded(await run(promtool, ["check", "metrics"], { input: page }));
      return `${queries.length} queries of ${panels.length} panels and the alerts`;
    } finally {
      stop.abort();
      await loading.catch(() => undefined);
      await gateway.stop();
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

/** Asks after each scrape until each query has had a number; throws with those that have none in time. */
async function allHaveData(server: Prometheus): Promise<void> {
  const since = performance.now();
  let empty = queries;
  for await (const _ of setInterval(SCRAPE_MS)) {
    const values = await Promise.all(empty.map(({ query }) => server.ask(query)));
    empty = empty.filter((_query, index) => !(values[index] ?? []).some(Number.isFinite));
    if (empty.length === 0) return;
    if (performance.now() - since > LIMIT_MS) {
      throw new Error(`no data:\n${empty.map(({ title, query }) => `${title}: ${query}`).join("\n")}`);
    }
  }
}

function filled(expr: string): string {
  return expr
    .replaceAll("$__rate_interval", `${RATE}s`)
    .replaceAll("$instance", ".*")
    .replaceAll("$model", ".*");
}

import { AggregatorRegistry, Counter, Registry } from "prom-client";
import { METRICS } from "../telemetry/metric-table.ts";
import { type MetricsSnapshot, processRegistry } from "../telemetry/metrics.ts";

/**
 * What all workers have measured, as one. Of a worker that died, counters and histograms stay as they were last seen, so
 * that no total ever falls; what it counted after that is lost.
 */
export class FleetMetrics {
  readonly #seen = new Map<number, MetricsSnapshot>();
  readonly #own = new Registry();
  readonly #restarts: Counter;
  /** Totals of workers that died. */
  #departed: Promise<MetricsSnapshot> = Promise.resolve([]);

  constructor() {
    const { name, help } = METRICS.workerRestarts;
    this.#restarts = new Counter({ name, help, registers: [this.#own] });
  }

  restarted(): void {
    this.#restarts.inc();
  }

  /** What a worker has measured since it began. */
  saw(worker: number, snapshot: MetricsSnapshot): void {
    this.#seen.set(worker, snapshot);
  }

  gone(worker: number): void {
    const last = this.#seen.get(worker)?.filter(({ type }) => type === "counter" || type === "histogram");
    this.#seen.delete(worker);
    if (last === undefined) return;
    this.#departed = this.#departed.then(async (before) =>
      told(await AggregatorRegistry.aggregate([before, last]).getMetricsAsJSON()),
    );
  }

  /** Prometheus' text format: of the workers given, what they said last; of the others their totals. */
  async text(present: readonly number[]): Promise<string> {
    const ofProcess = await processRegistry().getMetricsAsJSON();
    const own = [
      ...(await this.#own.getMetricsAsJSON()),
      ...ofProcess.filter(({ name }) => name.startsWith("process_")),
    ];
    const workers = [...this.#seen].map(([worker, snapshot]) =>
      present.includes(worker) ? snapshot : snapshot.filter(({ type }) => type !== "gauge"),
    );
    return AggregatorRegistry.aggregate([...workers, await this.#departed, own]).metrics();
  }
}

const told = (metrics: Awaited<ReturnType<Registry["getMetricsAsJSON"]>>): MetricsSnapshot =>
  metrics.map((metric) => ({ ...metric, type: String(metric.type) }));

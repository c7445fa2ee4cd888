import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { LatencyHistogram } from "./latency-histogram.ts";
import { METRICS, type MetricDefinition } from "./metric-table.ts";

/** The metrics of the table as prom-client has them, in a registry of their own. */
export function createInstruments() {
  const registry = new Registry();
  const common = ({ name, help, labels, aggregator }: MetricDefinition) => ({
    name,
    help,
    labelNames: labels,
    registers: [registry],
    ...(aggregator === undefined ? {} : { aggregator }),
  });
  const counter = (definition: MetricDefinition) => new Counter(common(definition));
  const gauge = (definition: MetricDefinition) => new Gauge(common(definition));
  const histogram = (definition: MetricDefinition) =>
    new Histogram({ ...common(definition), buckets: [...(definition.buckets ?? [])] });
  const { betweenTokens } = METRICS;
  return {
    registry,
    httpDuration: histogram(METRICS.httpDuration),
    httpActive: gauge(METRICS.httpActive),
    errors: counter(METRICS.errors),
    generationDuration: histogram(METRICS.generationDuration),
    firstToken: histogram(METRICS.firstToken),
    perToken: histogram(METRICS.perToken),
    tokenUsage: histogram(METRICS.tokenUsage),
    betweenTokens: new LatencyHistogram(betweenTokens, betweenTokens.labels[0]),
    queueTime: histogram(METRICS.queueTime),
    promptTokens: counter(METRICS.promptTokens),
    cachedTokens: counter(METRICS.cachedTokens),
    generatedTokens: counter(METRICS.generatedTokens),
    failovers: counter(METRICS.failovers),
    hedges: counter(METRICS.hedges),
    placementState: gauge(METRICS.placementState),
    slots: gauge(METRICS.slots),
    busySlots: gauge(METRICS.busySlots),
    queuedRequests: gauge(METRICS.queuedRequests),
    kvUsage: gauge(METRICS.kvUsage),
    engineMemory: gauge(METRICS.engineMemory),
    engineRestarts: counter(METRICS.engineRestarts),
    configReloads: counter(METRICS.configReloads),
    configAccepted: gauge(METRICS.configAccepted),
    limitsShared: gauge(METRICS.limitsShared),
    limitFailures: counter(METRICS.limitFailures),
    loopUtilisation: gauge(METRICS.loopUtilisation),
    workers: gauge(METRICS.workers),
    workerRestarts: counter(METRICS.workerRestarts),
    build: gauge(METRICS.build),
  } satisfies { registry: Registry } & Record<keyof typeof METRICS, unknown>;
}

export type Instruments = ReturnType<typeof createInstruments>;

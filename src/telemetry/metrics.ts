import { performance } from "node:perf_hooks";
import { collectDefaultMetrics, Registry } from "prom-client";
import type { GenerationObserver, GenerationSubject, RequestOutcome } from "../core/observer.ts";
import { observeConfiguration, type WatchedConfiguration } from "./config-metrics.ts";
import { createInstruments } from "./instruments.ts";
import { MeasuredGeneration, ModelMetrics } from "./model-metrics.ts";
import { type ModelPlacements, observePlacements } from "./placement-metrics.ts";

export interface MetricsParts {
  readonly version: string;
  /** Where every placement of the config stands. */
  placements(): readonly ModelPlacements[];
  configuration(): WatchedConfiguration;
}

/** Metrics as prom-client's `getMetricsAsJSON` tells them. */
export type MetricsSnapshot = { name: string; type: string; [key: string]: unknown }[];

export interface Metrics {
  readonly contentType: string;
  /** Everything, in Prometheus' text format. */
  text(): Promise<string>;
  /** Everything, for the processes that this one serves with to add up. */
  snapshot(): Promise<MetricsSnapshot>;
  requestBegan(): void;
  requestEnded(outcome: RequestOutcome): void;
  generation(subject: GenerationSubject, at: number): GenerationObserver;
}

/** Of the process, which every gateway in it shares: memory, processor, event loop, garbage collection. */
let ofProcess: Registry | undefined;

/** Gauges that are called counters; what they say by type, their neighbours without "_total" do too. */
const MISNAMED = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

/** What this process takes. */
export function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
    for (const name of MISNAMED) ofProcess.removeSingleMetric(name);
  }
  return ofProcess;
}

const KNOWN_METHODS = ["GET", "HEAD", "POST", "OPTIONS"];

export function createMetrics({ version, placements, configuration }: MetricsParts): Metrics {
  const instruments = createInstruments();
  const { registry, httpActive, httpDuration, errors, loopUtilisation, workers, build } = instruments;
  const models = new Map<string, ModelMetrics>();
  const ofModel = (subject: GenerationSubject): ModelMetrics => {
    const key = `${subject.operation} ${subject.model}`;
    const known = models.get(key) ?? new ModelMetrics(subject, instruments);
    models.set(key, known);
    return known;
  };
  build.set({ version }, 1);
  workers.set(1);
  let scraped = performance.eventLoopUtilization();
  const observe = (): void => {
    const now = performance.eventLoopUtilization();
    loopUtilisation.set(performance.eventLoopUtilization(now, scraped).utilization);
    scraped = now;
    const known = placements();
    for (const { model } of known) {
      for (const operation of ["chat", "text_completion"] as const) ofModel({ model, operation });
    }
    for (const model of models.values()) model.flush();
    observePlacements(instruments, known);
    observeConfiguration(instruments, configuration());
  };
  return {
    contentType: registry.contentType,
    async snapshot() {
      observe();
      const parts = await Promise.all([registry.getMetricsAsJSON(), processRegistry().getMetricsAsJSON()]);
      return [...parts.flat(), instruments.betweenTokens.json()].map((metric) => ({
        ...metric,
        type: String(metric.type),
      }));
    },
    async text() {
      observe();
      const texts = await Promise.all([registry.metrics(), processRegistry().metrics()]);
      return [...texts, instruments.betweenTokens.text()].join("\n");
    },
    requestBegan: () => httpActive.inc(),
    requestEnded({ method, route = "", status, error, durationMs }) {
      httpActive.dec();
      const known = KNOWN_METHODS.includes(method) ? method : "_OTHER";
      httpDuration.observe(
        { http_request_method: known, http_route: route, http_response_status_code: status },
        durationMs / 1000,
      );
      if (error !== undefined) errors.inc({ http_route: route, error_type: error });
    },
    generation: (subject, at) => new MeasuredGeneration(ofModel(subject), at),
  };
}

import type { Config } from "../config/schema.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Log } from "../core/log.ts";
import {
  type Attempt,
  type GenerationObserver,
  type Observer,
  type Rival,
  UNOBSERVED,
} from "../core/observer.ts";
import type { Metrics, MetricsParts } from "./metrics.ts";
import type { Traces } from "./traces.ts";

export interface Telemetry {
  readonly observer: Observer;
  readonly metrics: Metrics | undefined;
  close(): Promise<void>;
}

/** What machines ask every few seconds; a trace of each would hide those of people. */
const PROBES = ["/health", "/ready", "/metrics"];

/** What the config asks for; the libraries of what it does not ask for are not loaded. Throws OperatorError. */
export async function createTelemetry(
  config: Pick<Config, "metrics" | "tracing">,
  parts: MetricsParts & { readonly log: Log },
): Promise<Telemetry> {
  const metrics = config.metrics ? (await import("./metrics.ts")).createMetrics(parts) : undefined;
  const traces =
    config.tracing === undefined
      ? undefined
      : await (await import("./traces.ts")).createTraces(config.tracing, parts.version, parts.log);
  return {
    metrics,
    observer: metrics === undefined && traces === undefined ? UNOBSERVED : observerOf(metrics, traces),
    close: async () => traces?.close(),
  };
}

function observerOf(metrics: Metrics | undefined, traces: Traces | undefined): Observer {
  return {
    request(request) {
      metrics?.requestBegan();
      const traced = PROBES.includes(request.url)
        ? undefined
        : traces?.request(request.method, request.headers);
      const passedOn = UNOBSERVED.request(request);
      return {
        trace: traced?.context ?? passedOn.trace,
        generation(subject, at) {
          const trace = traced?.generation(subject) ?? passedOn.generation(subject, at);
          return metrics === undefined ? trace : new Both(metrics.generation(subject, at), trace);
        },
        end(outcome) {
          metrics?.requestEnded(outcome);
          traced?.end(outcome);
        },
      };
    },
  };
}

/** Two observers of one generation. */
class Both implements GenerationObserver {
  readonly #metrics: GenerationObserver;
  readonly #trace: GenerationObserver;

  constructor(metrics: GenerationObserver, trace: GenerationObserver) {
    this.#metrics = metrics;
    this.#trace = trace;
  }

  attempt(attempt: Attempt): void {
    this.#metrics.attempt(attempt);
    this.#trace.attempt(attempt);
  }

  leased(request: GenerationRequest): GenerationRequest {
    return this.#trace.leased(this.#metrics.leased(request));
  }

  gaveWay(error: unknown): void {
    this.#metrics.gaveWay(error);
    this.#trace.gaveWay(error);
  }

  hedge(attempt: Attempt): Rival {
    const metrics = this.#metrics.hedge(attempt);
    const trace = this.#trace.hedge(attempt);
    return {
      leased: (request) => trace.leased(metrics.leased(request)),
      gone(error) {
        metrics.gone(error);
        trace.gone(error);
      },
      won() {
        metrics.won();
        trace.won();
      },
    };
  }

  see(event: GenerationEvent, at: number): void {
    this.#metrics.see(event, at);
    this.#trace.see(event, at);
  }

  end(error: unknown, at: number): void {
    this.#metrics.end(error, at);
    this.#trace.end(error, at);
  }
}

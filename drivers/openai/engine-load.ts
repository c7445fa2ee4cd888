import type { EngineClient } from "./client.ts";
import type { EngineKind, OpenaiOptions } from "./options.ts";

/** What an engine says of itself: requests that wait in it, and how full its KV cache is, 0 to 1. */
export interface EngineLoadFacts {
  readonly engineWaiting?: number;
  readonly kvUsage?: number;
}

export interface MetricNames {
  readonly queued: readonly string[];
  readonly kv: readonly string[];
}

/** Names of the metrics by engine, older ones last. */
const NAMES: Readonly<Record<EngineKind, MetricNames>> = {
  vllm: {
    queued: ["vllm:num_requests_waiting"],
    kv: ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"],
  },
  "dolly-gateway": { queued: ["dolly_queued_requests"], kv: ["dolly_kv_cache_usage_ratio"] },
  "llama-server": { queued: ["llamacpp:requests_deferred"], kv: [] },
  tgi: { queued: ["tgi_queue_size"], kv: [] },
  openai: { queued: [], kv: [] },
};

/** Milliseconds after the last request for which an engine is asked: nobody chooses between engines that are idle. */
const ASKED_FOR_MS = 30_000;
/** Milliseconds until an engine is asked again that answered without metrics. */
const WITHOUT_METRICS_MS = 60_000;
/** Intervals after which what it said is not believed any more. */
const STALE_INTERVALS = 3;
const ANSWER_MS = 2000;

/** Reads an engine's metrics while it is in use, so that requests can go where fewest wait. */
export class EngineLoad {
  readonly #client: Pick<EngineClient, "text">;
  readonly #names: MetricNames;
  readonly #path: string;
  readonly #key: string | undefined;
  readonly #intervalMs: number;
  readonly #closed = new AbortController();
  #facts: EngineLoadFacts = {};
  #readAt = Number.NEGATIVE_INFINITY;
  #usedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    client: Pick<EngineClient, "text">,
    kind: EngineKind,
    { metrics }: Pick<OpenaiOptions, "metrics">,
  ) {
    const { queued, kv } = NAMES[kind];
    this.#client = client;
    this.#names = {
      queued: metrics.queued_requests === undefined ? queued : [metrics.queued_requests],
      kv: metrics.kv_usage === undefined ? kv : [metrics.kv_usage],
    };
    this.#path = metrics.path;
    this.#key = metrics.key;
    this.#intervalMs = metrics.interval * 1000;
  }

  /** A request goes to the engine. */
  used(): void {
    if (this.#intervalMs === 0 || this.#names.queued.length + this.#names.kv.length === 0) return;
    this.#usedAt = performance.now();
    if (this.#timer === undefined && !this.#closed.signal.aborted) this.#plan(0);
  }

  /** What it said last; nothing where that is too old. */
  now(): EngineLoadFacts {
    return performance.now() - this.#readAt > STALE_INTERVALS * this.#intervalMs ? {} : this.#facts;
  }

  close(): void {
    this.#closed.abort();
    clearTimeout(this.#timer);
  }

  #plan(ms: number): void {
    this.#timer = setTimeout(() => void this.#read(), ms);
    this.#timer.unref();
  }

  async #read(): Promise<void> {
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(ANSWER_MS)]);
    // Null where it did not answer.
    const text = await this.#client.text(this.#path, signal, this.#key).catch(() => null);
    if (this.#closed.signal.aborted) return;
    const facts = typeof text !== "string" ? undefined : factsIn(text, this.#names);
    if (facts !== undefined) {
      this.#facts = facts;
      this.#readAt = performance.now();
    }
    this.#timer = undefined;
    if (performance.now() - this.#usedAt < ASKED_FOR_MS) {
      this.#plan(text !== null && facts === undefined ? WITHOUT_METRICS_MS : this.#intervalMs);
    }
  }
}

/** The facts in Prometheus' text format; undefined where it has none of the names. */
export function factsIn(text: string, { queued, kv }: MetricNames): EngineLoadFacts | undefined {
  const waiting = valuesOf(text, queued);
  const usages = valuesOf(text, kv);
  if (waiting.length + usages.length === 0) return undefined;
  return {
    ...(waiting.length === 0 ? {} : { engineWaiting: waiting.reduce((sum, value) => sum + value, 0) }),
    ...(usages.length === 0 ? {} : { kvUsage: Math.min(1, Math.max(...usages)) }),
  };
}

/** Values of the first of the names that has any, one for each set of labels. */
function valuesOf(text: string, names: readonly string[]): number[] {
  for (const name of names) {
    const values = text
      .split("\n")
      .filter((line) => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)))
      .map((line) => numberIn(line.slice(name.length)))
      .filter((value) => Number.isFinite(value) && value >= 0);
    if (values.length > 0) return values;
  }
  return [];
}

/** Of what follows a name: labels, which may hold anything, a value, and perhaps a time. */
const numberIn = (rest: string): number =>
  Number(
    rest
      .slice(rest.lastIndexOf("}") + 1)
      .trim()
      .split(" ")[0] || Number.NaN,
  );

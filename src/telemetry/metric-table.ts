/** One metric as Prometheus sees it. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly buckets?: readonly number[];
  /** What several workers' values come to; absent: their sum. */
  readonly aggregator?: "max" | "min" | "average" | "first";
}

/** Buckets that OpenTelemetry's GenAI conventions advise, in seconds. */
const DURATION = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_TOKEN = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60,
];
const PER_TOKEN = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
];
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536];
/** Those of the HTTP conventions, and some for long streams. */
const HTTP = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300];

const MODEL = "gen_ai_request_model";
const OPERATION = "gen_ai_operation_name";
const PLACEMENT = [MODEL, "placement", "driver"] as const;

/**
 * Every metric of the gateway itself. Labels take only values that the code or the config knows: models, placements,
 * endpoints, error codes. Names are OpenTelemetry's where it has one, with dots as underscores and the unit at the end.
 */
export const METRICS = {
  httpDuration: {
    name: "http_server_request_duration_seconds",
    type: "histogram",
    help: "Time from an HTTP request's headers to the end of its answer, streams included.",
    labels: ["http_request_method", "http_route", "http_response_status_code"],
    buckets: HTTP,
  },
  httpActive: {
    name: "http_server_active_requests",
    type: "gauge",
    help: "HTTP requests that are being answered.",
    labels: [],
  },
  errors: {
    name: "dolly_errors_total",
    type: "counter",
    help: "Requests that ended with an error, by its code; in a stream's last frame too.",
    labels: ["http_route", "error_type"],
  },
  generationDuration: {
    name: "gen_ai_server_request_duration_seconds",
    type: "histogram",
    help: "Time of one generation (one prompt) from its request to its last token; error_type is empty for those that came to their end.",
    labels: [OPERATION, MODEL, "error_type"],
    buckets: DURATION,
  },
  firstToken: {
    name: "gen_ai_server_time_to_first_token_seconds",
    type: "histogram",
    help: "Time from the request to the first token, queue included.",
    labels: [OPERATION, MODEL],
    buckets: FIRST_TOKEN,
  },
  perToken: {
    name: "gen_ai_server_time_per_output_token_seconds",
    type: "histogram",
    help: "Mean time of a token after the first one, once for each answer that came to its end.",
    labels: [OPERATION, MODEL],
    buckets: PER_TOKEN,
  },
  tokenUsage: {
    name: "gen_ai_client_token_usage",
    type: "histogram",
    help: "Tokens of one generation, by gen_ai_token_type: input (the prompt) or output (its answers).",
    labels: [OPERATION, MODEL, "gen_ai_token_type"],
    buckets: TOKENS,
  },
  betweenTokens: {
    name: "dolly_inter_token_latency_seconds",
    type: "histogram",
    help: "Time between two tokens of an answer, for each token after the first.",
    labels: [MODEL],
    buckets: PER_TOKEN,
  },
  queueTime: {
    name: "dolly_queue_duration_seconds",
    type: "histogram",
    help: "Time that a prompt waited for a slot.",
    labels: [MODEL],
    buckets: FIRST_TOKEN,
  },
  promptTokens: {
    name: "dolly_prompt_tokens_total",
    type: "counter",
    help: "Prompt tokens of generations that have begun.",
    labels: [MODEL],
  },
  cachedTokens: {
    name: "dolly_cached_prompt_tokens_total",
    type: "counter",
    help: "Prompt tokens that need not be computed: an earlier prompt began alike.",
    labels: [MODEL],
  },
  generatedTokens: {
    name: "dolly_generated_tokens_total",
    type: "counter",
    help: "Tokens generated, counted as they come.",
    labels: [MODEL],
  },
  failovers: {
    name: "dolly_placement_failovers_total",
    type: "counter",
    help: "Generations that a placement could not begin and the next one was tried for.",
    labels: [MODEL, "placement", "error_type"],
  },
  hedges: {
    name: "dolly_hedged_generations_total",
    type: "counter",
    help: "Second attempts that joined a slow first one, by outcome: won, lost or failed.",
    labels: [MODEL, "placement", "outcome"],
  },
  placementState: {
    name: "dolly_placement_state",
    type: "gauge",
    help: "1 for the state that a placement is in, 0 for the others.",
    labels: [...PLACEMENT, "state"],
    aggregator: "max",
  },
  slots: {
    name: "dolly_slots",
    type: "gauge",
    help: "Answers that a loaded placement computes at the same time.",
    labels: PLACEMENT,
  },
  busySlots: {
    name: "dolly_slots_busy",
    type: "gauge",
    help: "Slots in use.",
    labels: PLACEMENT,
  },
  queuedRequests: {
    name: "dolly_queued_requests",
    type: "gauge",
    help: "Requests that wait for a slot.",
    labels: PLACEMENT,
  },
  kvUsage: {
    name: "dolly_kv_cache_usage_ratio",
    type: "gauge",
    help: "How much of the KV cache holds tokens of running answers, 0 to 1.",
    labels: PLACEMENT,
    aggregator: "max",
  },
  engineMemory: {
    name: "dolly_engine_memory_bytes",
    type: "gauge",
    help: "Resident memory of a placement's engine process.",
    labels: PLACEMENT,
    aggregator: "max",
  },
  engineRestarts: {
    name: "dolly_engine_restarts_total",
    type: "counter",
    help: "How often a placement's engine was started again since the model was loaded.",
    labels: PLACEMENT,
  },
  configReloads: {
    name: "dolly_config_reloads_total",
    type: "counter",
    help: "How often the configuration was read again, by outcome: applied, unchanged or refused.",
    labels: ["outcome"],
    aggregator: "max",
  },
  configAccepted: {
    name: "dolly_config_last_reload_successful",
    type: "gauge",
    help: "0 while the config file was refused when it was last read, and the one before it serves; otherwise 1.",
    labels: [],
    aggregator: "min",
  },
  limitsShared: {
    name: "dolly_rate_limits_shared",
    type: "gauge",
    help: "1 while limits are counted in Redis, 0 while each gateway counts by itself.",
    labels: [],
    aggregator: "min",
  },
  limitFailures: {
    name: "dolly_rate_limit_store_failures_total",
    type: "counter",
    help: "Requests whose limits Redis could not be asked for.",
    labels: [],
  },
  loopUtilisation: {
    name: "nodejs_eventloop_utilization_ratio",
    type: "gauge",
    help: "Share of the time since the last scrape in which the gateway's event loop was busy, 0 to 1.",
    labels: [],
    aggregator: "average",
  },
  workers: {
    name: "dolly_workers",
    type: "gauge",
    help: "Processes that serve and have told what they measured.",
    labels: [],
  },
  workerRestarts: {
    name: "dolly_worker_restarts_total",
    type: "counter",
    help: "How often a process that serves died and was started again.",
    labels: [],
  },
  build: {
    name: "dolly_build_info",
    type: "gauge",
    help: "1, with the version as a label.",
    labels: ["version"],
    aggregator: "first",
  },
} as const satisfies Record<string, MetricDefinition>;

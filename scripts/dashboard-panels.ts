import { METRICS as M } from "../src/telemetry/metric-table.ts";

export interface Query {
  readonly expr: string;
  /** Grafana's legend, with labels in double braces. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  readonly about: string;
  /** Grafana's unit id. */
  readonly unit: string;
  readonly queries: readonly Query[];
  readonly max?: number;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const INSTANCE = 'instance=~"$instance"';
const MODEL = `${INSTANCE}, gen_ai_request_model=~"$model"`;
const MODEL_NAME = "{{gen_ai_request_model}}";
const PLACEMENT = "{{instance}} {{placement}}";

const rate = (name: string, labels: string): string => `rate(${name}{${labels}}[$__rate_interval])`;
const sumBy = (by: string, of: string): string => `sum by (${by}) (${of})`;
const byModel = (of: string): string => sumBy("gen_ai_request_model", of);

/** Quantiles of a histogram over all gateways, by model. */
const quantiles = ({ name }: { readonly name: string }): Query[] =>
  [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, ${sumBy("le, gen_ai_request_model", rate(`${name}_bucket`, MODEL))})`,
    legend: `${MODEL_NAME} p${quantile * 100}`,
  }));

const perModel = ({ name }: { readonly name: string }): Query => ({
  expr: byModel(rate(name, MODEL)),
  legend: MODEL_NAME,
});

const ofPlacements = ({ name }: { readonly name: string }): Query => ({
  expr: `${name}{${MODEL}}`,
  legend: PLACEMENT,
});

/** Every panel of the dashboard. */
export const ROWS: readonly Row[] = [
  {
    title: "Traffic",
    panels: [
      {
        title: "Requests",
        about: "HTTP requests a second, by endpoint and status, without those of probes.",
        unit: "reqps",
        queries: [
          {
            expr: sumBy(
              "http_route, http_response_status_code",
              rate(`${M.httpDuration.name}_count`, `${INSTANCE}, http_route!~"/metrics|/health|/ready"`),
            ),
            legend: "{{http_route}} {{http_response_status_code}}",
          },
        ],
      },
      {
        title: "Errors",
        about: "Requests a second that ended with an error, by its code; in the middle of a stream too.",
        unit: "reqps",
        queries: [{ expr: sumBy("error_type", rate(M.errors.name, INSTANCE)), legend: "{{error_type}}" }],
      },
      {
        title: "Generated tokens",
        about: "Tokens a second, counted as they come.",
        unit: "short",
        queries: [perModel(M.generatedTokens)],
      },
      {
        title: "Prompt tokens",
        about: "Prompt tokens a second, and how many of them were computed before.",
        unit: "short",
        queries: [
          { ...perModel(M.promptTokens), legend: `${MODEL_NAME} all` },
          { ...perModel(M.cachedTokens), legend: `${MODEL_NAME} cached` },
        ],
      },
    ],
  },
  {
    title: "Times",
    panels: [
      {
        title: "Time to first token",
        about: "From the request to the first token, queue included.",
        unit: "s",
        queries: quantiles(M.firstToken),
      },
      {
        title: "Time between tokens",
        about: "Of each token after an answer's first.",
        unit: "s",
        queries: quantiles(M.betweenTokens),
      },
      {
        title: "Time of a generation",
        about: "From the request to the last token.",
        unit: "s",
        queries: quantiles(M.generationDuration),
      },
      {
        title: "Time per output token",
        about: "The mean of each answer.",
        unit: "s",
        queries: quantiles(M.perToken),
      },
      {
        title: "Time in the queue",
        about: "How long prompts waited for a slot.",
        unit: "s",
        queries: quantiles(M.queueTime),
      },
      {
        title: "Tokens of a generation",
        about: "The mean prompt and the mean answer.",
        unit: "short",
        queries: [
          {
            expr: `${sumBy("gen_ai_request_model, gen_ai_token_type", rate(`${M.tokenUsage.name}_sum`, MODEL))} / ${sumBy("gen_ai_request_model, gen_ai_token_type", rate(`${M.tokenUsage.name}_count`, MODEL))}`,
            legend: `${MODEL_NAME} {{gen_ai_token_type}}`,
          },
        ],
      },
    ],
  },
  {
    title: "Engines",
    panels: [
      {
        title: "Slots in use",
        about: "Answers that are being computed, of those that can be.",
        unit: "short",
        queries: [
          { ...ofPlacements(M.busySlots), legend: `${PLACEMENT} busy` },
          { ...ofPlacements(M.slots), legend: `${PLACEMENT} all` },
        ],
      },
      {
        title: "Queue",
        about: "Requests that wait for a slot.",
        unit: "short",
        queries: [ofPlacements(M.queuedRequests)],
      },
      {
        title: "KV cache in use",
        about: "How much of it holds tokens of running answers.",
        unit: "percentunit",
        max: 1,
        queries: [ofPlacements(M.kvUsage)],
      },
      {
        title: "Prompt tokens from the cache",
        about: "Share of the prompt tokens that need not be computed again.",
        unit: "percentunit",
        max: 1,
        queries: [
          {
            expr: `${byModel(rate(M.cachedTokens.name, MODEL))} / ${byModel(rate(M.promptTokens.name, MODEL))}`,
            legend: MODEL_NAME,
          },
        ],
      },
      {
        title: "State",
        about: "The state that each placement is in.",
        unit: "short",
        queries: [{ expr: `${M.placementState.name}{${MODEL}} == 1`, legend: `${PLACEMENT} {{state}}` }],
      },
      {
        title: "Restarts and fail-overs",
        about:
          "Engines started again, and generations that went to the next placement, in the interval shown.",
        unit: "short",
        queries: [
          {
            expr: `sum by (instance, placement) (increase(${M.engineRestarts.name}{${MODEL}}[$__rate_interval]))`,
            legend: `${PLACEMENT} restarts`,
          },
          {
            expr: `sum by (placement, error_type) (increase(${M.failovers.name}{${MODEL}}[$__rate_interval]))`,
            legend: "{{placement}} gave way: {{error_type}}",
          },
        ],
      },
      {
        title: "Memory of engines",
        about: "Resident memory of the engine processes.",
        unit: "bytes",
        queries: [ofPlacements(M.engineMemory)],
      },
    ],
  },
  {
    title: "The gateway itself",
    panels: [
      {
        title: "Event loop in use",
        about: "Near 1 the gateway's own process is the limit: run more of them.",
        unit: "percentunit",
        max: 1,
        queries: [{ expr: `${M.loopUtilisation.name}{${INSTANCE}}`, legend: "{{instance}}" }],
      },
      {
        title: "Event loop lag",
        about: "How late timers fire, 99th percentile.",
        unit: "s",
        queries: [{ expr: `nodejs_eventloop_lag_p99_seconds{${INSTANCE}}`, legend: "{{instance}}" }],
      },
      {
        title: "Requests under way",
        about: "HTTP requests that are being answered.",
        unit: "short",
        queries: [{ expr: `${M.httpActive.name}{${INSTANCE}}`, legend: "{{instance}}" }],
      },
      {
        title: "Processor",
        about: "Cores in use by the gateway's process, engines not included.",
        unit: "short",
        queries: [{ expr: rate("process_cpu_seconds_total", INSTANCE), legend: "{{instance}}" }],
      },
      {
        title: "Memory",
        about: "Resident memory of the gateway's process, engines not included.",
        unit: "bytes",
        queries: [{ expr: `process_resident_memory_bytes{${INSTANCE}}`, legend: "{{instance}}" }],
      },
      {
        title: "Versions",
        about: "Gateways by version.",
        unit: "short",
        queries: [{ expr: `count by (version) (${M.build.name}{${INSTANCE}})`, legend: "{{version}}" }],
      },
    ],
  },
];

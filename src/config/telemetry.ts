import { z } from "zod";

/** What an operator sees of the gateway from outside: metrics and traces. */
export const telemetryOptions = {
  metrics: z
    .boolean()
    .default(true)
    .describe("Measure, and serve what is measured to Prometheus at /metrics."),
  metrics_key: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Key that reads /metrics, as a bearer token, and nothing else; admin_key does too. Without either, /metrics answers to this machine only. Keep it out of the file: name an environment variable.",
    ),
  tracing: z
    .strictObject({
      endpoint: z
        .url({ protocol: /^https?$/ })
        .describe(
          "URL of a collector that takes OpenTelemetry traces over HTTP (OTLP), such as http://localhost:4318/v1/traces.",
        ),
      headers: z
        .record(z.string().min(1), z.string())
        .default({})
        .describe(
          "Headers for the collector, such as its key. Keep secrets out of the file: name an environment variable.",
        ),
      sample_ratio: z
        .number()
        .min(0)
        .max(1)
        .default(1)
        .describe(
          "Share of the requests that are traced, 0 to 1; for those that bring a traceparent, what it says counts.",
        ),
      service_name: z
        .string()
        .min(1)
        .default("dolly-gateway")
        .describe("Name of this gateway in the traces (service.name)."),
    })
    .optional()
    .describe("Write OpenTelemetry traces; absent: a client's traceparent is still passed on to upstreams."),
};

export type TracingOptions = z.output<typeof telemetryOptions.tracing>;

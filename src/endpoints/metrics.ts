import { GatewayError } from "../errors.ts";
import { defineGet } from "./define-endpoint.ts";

export const metricsEndpoint = defineGet({
  path: "/metrics",
  summary: "What is measured, in Prometheus' text format",
  response: { type: "string" },
  admin: true,
  scraped: true,
  text: true,
  async handle(_request, { metrics }) {
    if (metrics === undefined) {
      throw new GatewayError(
        "unknown_url",
        "Metrics are off; `metrics: true` in the configuration turns them on.",
      );
    }
    return { kind: "text", contentType: metrics.contentType, body: await metrics.text() };
  },
});

import { type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { TracingOptions } from "../config/telemetry.ts";
import type { Log } from "../core/log.ts";
import type { GenerationObserver, GenerationSubject, RequestOutcome } from "../core/observer.ts";
import { type TraceContext, traceContext } from "../core/trace-context.ts";
import { OperatorError } from "../errors.ts";
import { childOf, contextOf, remoteParent } from "./spans.ts";
import { TracedGeneration } from "./traced-generation.ts";

export interface RequestTrace {
  /** For what is done elsewhere. */
  readonly context: TraceContext;
  generation(subject: GenerationSubject): GenerationObserver;
  end(outcome: RequestOutcome): void;
}

export interface Traces {
  request(method: string, headers: Parameters<typeof traceContext>[0]): RequestTrace;
  /** Sends what is left, as far as the collector takes it within seconds. */
  close(): Promise<void>;
}

/** Milliseconds for one delivery to the collector. */
const DELIVERY_MS = 2_000;

/** Throws OperatorError where the packages are not installed, which are optional. */
export async function createTraces(
  { endpoint: url, headers, sample_ratio, service_name }: NonNullable<TracingOptions>,
  version: string,
  log: Log,
): Promise<Traces> {
  const { sdk, exporter, resources } = await packages();
  const delivery = new exporter.OTLPTraceExporter({ url, headers, timeoutMillis: DELIVERY_MS });
  // Without what may be secret in the rest of the URL.
  const collector = new URL(url).host;
  let failing = false;
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({ "service.name": service_name, "service.version": version }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(sample_ratio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: {
          export(spans, done) {
            delivery.export(spans, (result) => {
              const failed = result.error !== undefined || result.code !== 0;
              // Once, not for each batch: a collector may be away for long.
              if (failed && !failing)
                log.warn({ err: result.error, collector }, "traces cannot be delivered");
              failing = failed;
              done(result);
            });
          },
          forceFlush: () => delivery.forceFlush(),
          shutdown: () => delivery.shutdown(),
        },
      }),
    ],
  });
  const tracer = provider.getTracer("dolly-gateway", version);
  return {
    request(method, given) {
      const options = { kind: SpanKind.SERVER, attributes: { "http.request.method": method } };
      const span = tracer.startSpan(method, options, remoteParent(traceContext(given)));
      return {
        context: contextOf(span),
        generation: (subject) => new TracedGeneration(tracer, childOf(span), subject),
        end: (outcome) => endRequest(span, outcome),
      };
    },
    // A collector that is away must not keep the gateway from stopping; that it is was logged.
    close: () => provider.shutdown().catch(() => undefined),
  };
}

function endRequest(span: Span, { method, route, status, error }: RequestOutcome): void {
  if (route !== undefined) span.updateName(`${method} ${route}`).setAttribute("http.route", route);
  span.setAttribute("http.response.status_code", status);
  if (error !== undefined) span.setAttribute("error.type", error);
  // As the HTTP conventions say: what the client did wrong is no error of the server's span.
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

async function packages() {
  try {
    const [sdk, exporter, resources] = await Promise.all([
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/exporter-trace-otlp-http"),
      import("@opentelemetry/resources"),
    ]);
    return { sdk, exporter, resources };
  } catch (cause) {
    throw new OperatorError(
      "tracing needs the optional packages @opentelemetry/sdk-trace, @opentelemetry/resources and @opentelemetry/exporter-trace-otlp-http: run `npm install` without --omit=optional",
      { cause },
    );
  }
}

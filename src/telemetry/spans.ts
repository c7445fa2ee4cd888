import {
  type Context,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { TraceContext } from "../core/trace-context.ts";
import { errorType } from "./error-type.ts";

/** The context whose spans are children of what a client or another gateway began. */
export function remoteParent(given: TraceContext | undefined): Context {
  if (given === undefined) return ROOT_CONTEXT;
  const [, traceId = "", spanId = "", flags = ""] = given.traceparent.split("-");
  const parent: SpanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  if (given.tracestate !== undefined) parent.traceState = createTraceState(given.tracestate);
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

export const childOf = (parent: Span): Context => trace.setSpan(ROOT_CONTEXT, parent);

/** What whoever does a part of the span's work elsewhere is sent. */
export function contextOf(span: Span): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  const tracestate = traceState?.serialize() ?? "";
  return tracestate === "" ? { traceparent } : { traceparent, tracestate };
}

/** Ends a span, with the code of what went wrong; a message could hold what belongs to nobody else. */
export function endSpan(span: Span, error: unknown): void {
  if (error !== undefined) {
    span.setAttribute("error.type", errorType(error));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

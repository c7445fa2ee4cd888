/** Where a piece of work belongs in a trace, as W3C Trace Context writes it: headers for whoever does a part of it. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** Version, trace id, parent id, flags; an id of zeros and version ff are invalid. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;
/** What the recommendation asks everybody to pass on. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

/** The context that a client's headers give; undefined where they give none, or a malformed one. */
export function traceContext(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== "string" || !TRACEPARENT.test(traceparent)) return undefined;
  return typeof tracestate === "string" && TRACESTATE.test(tracestate)
    ? { traceparent, tracestate }
    : { traceparent };
}

/** The 32 hexadecimal digits that a whole trace shares. */
export const traceId = ({ traceparent }: TraceContext): string => traceparent.slice(3, 35);

import type { GenerationEvent, GenerationRequest } from "./generation.ts";
import { type TraceContext, traceContext } from "./trace-context.ts";

/** The OpenTelemetry name of what an endpoint does with a model. */
export type Operation = "chat" | "text_completion";

export interface GenerationSubject {
  readonly operation: Operation;
  /** Name of the route, which is one of the config's. */
  readonly model: string;
}

/** One way to run a model that is tried for a generation. */
export interface Attempt {
  readonly placement: string;
  readonly driver: string;
}

/** A second attempt beside the first, which is slow to its first token. One of `gone` and `won` comes, once, unless the client leaves. */
export interface Rival {
  /** As `GenerationObserver.leased`. */
  leased(request: GenerationRequest): GenerationRequest;
  /** It failed, or (undefined) the first gave a token, or refused the request, before. */
  gone(error: unknown): void;
  /** It is the attempt from now on; the first has failed, or has given no token. */
  won(): void;
}

/**
 * Watches one generation (one prompt with its choices). The calls come in this order: `attempt`, `leased`, and `gaveWay`
 * where another attempt follows; between them maybe one `hedge`; `see` for each event; `end` once, whatever happened before.
 */
export interface GenerationObserver {
  attempt(attempt: Attempt): void;
  /** The attempt has got a model; gives the request as it goes there, with the trace that it belongs to. */
  leased(request: GenerationRequest): GenerationRequest;
  /** The attempt failed before the first event, and the next placement is tried. */
  gaveWay(error: unknown): void;
  /** A second attempt joins the first. */
  hedge(attempt: Attempt): Rival;
  /** `at`: milliseconds of the clock that never goes back. Called for each token: what it costs is paid each time. */
  see(event: GenerationEvent, at: number): void;
  /** `error`: undefined where every choice came to its end. */
  end(error: unknown, at: number): void;
}

export interface RequestOutcome {
  readonly method: string;
  /** The endpoint's path as OpenAPI writes it; undefined where no endpoint was found. */
  readonly route: string | undefined;
  /** 499 where the client left before the answer was complete. */
  readonly status: number;
  /** Code of the error that was answered, in a stream's last frame too. */
  readonly error: string | undefined;
  readonly durationMs: number;
}

/** Watches one HTTP request. */
export interface RequestObserver {
  /** The trace of the request: the gateway's own span where it writes traces, otherwise what the client sent. */
  readonly trace: TraceContext | undefined;
  /** `at`: when the request's work with models began, in milliseconds of the clock that never goes back. */
  generation(subject: GenerationSubject, at: number): GenerationObserver;
  end(outcome: RequestOutcome): void;
}

/** Told what happens, to count, measure or trace it. Never throws, and is never told a prompt's or answer's text to keep. */
export interface Observer {
  request(request: ObservedRequest): RequestObserver;
}

export interface ObservedRequest {
  readonly method: string;
  /** The request's target, with its query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Keeps nothing; a client's trace context goes through to whoever computes the answer. */
export const UNOBSERVED: Observer = {
  request: ({ headers }) => {
    const trace = traceContext(headers);
    const generation = unobservedGeneration(trace);
    return { trace, generation: () => generation, end: () => undefined };
  },
};

/** Of a generation that nobody watches. */
export function unobservedGeneration(trace?: TraceContext): GenerationObserver {
  const leased = (request: GenerationRequest): GenerationRequest =>
    trace === undefined ? request : { ...request, trace };
  return {
    attempt: () => undefined,
    leased,
    gaveWay: () => undefined,
    hedge: () => ({ leased, gone: () => undefined, won: () => undefined }),
    see: () => undefined,
    end: () => undefined,
  };
}

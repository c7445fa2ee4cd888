/** Limits of the HTTP room; each has a default and can be overridden by the composition root. */
export interface HttpSettings {
  /** Key for the /admin endpoints; without one they answer to this machine only. */
  readonly adminKey: string | undefined;
  /** Key that reads /metrics and nothing else. */
  readonly metricsKey: string | undefined;
  /** Header that names a request's session, in lower case. */
  readonly sessionHeader: string;
  /** Most bytes of a request body. */
  readonly bodyBytes: number;
  /** Deepest nesting of a JSON body. */
  readonly jsonDepth: number;
  /** Most bytes of a request's target. */
  readonly uriBytes: number;
  /** Milliseconds after which a stream is cut whose reader takes nothing. */
  readonly stallMs: number;
  /** Milliseconds without data after which a stream gets a comment, so that proxies keep it open. */
  readonly keepAliveMs: number;
  /** Milliseconds that requests have to say goodbye after the grace period. */
  readonly farewellMs: number;
  /** Milliseconds for which a refused body is read on and dropped, so that its sender sees the answer. */
  readonly lingerMs: number;
  /** Milliseconds for a request's headers to arrive. */
  readonly headersTimeoutMs: number;
  /** Milliseconds for a whole request to arrive. */
  readonly requestTimeoutMs: number;
  /** Milliseconds between two looks at the two limits above. */
  readonly checkMs: number;
  /** Most connections at once; more are refused. */
  readonly connections: number;
}

export const defaultHttpSettings: HttpSettings = {
  adminKey: undefined,
  metricsKey: undefined,
  sessionHeader: "x-session-id",
  bodyBytes: 1024 * 1024,
  jsonDepth: 64,
  uriBytes: 4096,
  stallMs: 30_000,
  keepAliveMs: 15_000,
  farewellMs: 2_000,
  lingerMs: 2_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  checkMs: 1_000,
  connections: 1_000,
};

/** Node's own default, said here because an error message depends on it. */
export const HEADER_BYTES = 16 * 1024;
/**
 * Milliseconds that an idle connection is kept for its next request: longer than the proxies before it keep theirs (60 s by
 * default in nginx and AWS' load balancers), or they would send requests into connections that are just being closed.
 */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
export const REQUESTS_PER_CONNECTION = 1_000;

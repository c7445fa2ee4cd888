import { type ErrorCode, GatewayError } from "../errors.ts";

interface Meaning {
  readonly status: number;
  readonly type: "invalid_request_error" | "permission_error" | "rate_limit_error" | "server_error";
  /** Seconds for `Retry-After` where the error brings none. */
  readonly retryAfter?: number;
  /** Sent as `x-should-retry: false`: official clients would try again otherwise, to no avail. */
  readonly permanent?: true;
  /** Sent as `WWW-Authenticate: Bearer`. */
  readonly challenge?: true;
  /** The connection cannot be used again. */
  readonly close?: true;
}

const invalid = (status: number, more: Partial<Meaning> = {}): Meaning => ({
  status,
  type: "invalid_request_error",
  ...more,
});
const failed = (status: number, more: Partial<Meaning> = {}): Meaning => ({
  status,
  type: "server_error",
  ...more,
});

/** What each code means in HTTP. */
const MEANINGS: Readonly<Record<ErrorCode, Meaning>> = {
  invalid_json: invalid(400),
  invalid_value: invalid(400),
  missing_required_parameter: invalid(400),
  unsupported_parameter: invalid(400),
  string_above_max_length: invalid(400),
  context_length_exceeded: invalid(400),
  bad_request: invalid(400, { close: true }),
  host_not_allowed: { status: 403, type: "permission_error" },
  invalid_api_key: invalid(401, { challenge: true }),
  admin_not_allowed: { status: 403, type: "permission_error" },
  invalid_config: invalid(400),
  model_not_found: invalid(404),
  response_not_found: invalid(404),
  previous_response_not_found: invalid(400),
  unknown_url: invalid(404),
  method_not_allowed: invalid(405),
  request_timeout: invalid(408, { permanent: true, close: true }),
  request_too_large: invalid(413, { close: true }),
  uri_too_long: invalid(414, { close: true }),
  unsupported_media_type: invalid(415),
  unsupported_content_encoding: invalid(415, { close: true }),
  expectation_failed: invalid(417, { close: true }),
  header_too_large: invalid(431, { close: true }),
  rate_limit_exceeded: { status: 429, type: "rate_limit_error", retryAfter: 1 },
  // Nobody reads it: the status is for the log only, as nginx writes it.
  client_closed_request: invalid(499, { close: true }),
  internal_error: failed(500, { permanent: true }),
  engine_crashed: failed(500, { permanent: true }),
  engine_unavailable: failed(503, { retryAfter: 2 }),
  model_load_failed: failed(503),
  limits_unavailable: failed(503, { retryAfter: 1 }),
  server_is_overloaded: failed(503, { retryAfter: 1 }),
  shutting_down: failed(503, { retryAfter: 5, close: true }),
};

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: ErrorCode;
  };
}

export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
  readonly close: boolean;
}

/** Characters of a message that are sent: what a request holds may be repeated in it, and be long. */
const LONGEST_MESSAGE = 1000;
const LONGEST_PARAM = 200;

const shortened = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most).toWellFormed()}…` : text;

/** OpenAI's error shape, whatever went wrong. */
export function errorResponse(error: GatewayError): ErrorResponse {
  const { status, type, permanent, challenge, close = false, retryAfter } = MEANINGS[error.code];
  const { code } = error;
  const message = shortened(error.message, LONGEST_MESSAGE);
  const param = error.param === null ? null : shortened(error.param, LONGEST_PARAM);
  const seconds = error.retryAfter ?? retryAfter;
  const headers: Record<string, string> = {};
  if (seconds !== undefined) {
    headers["retry-after"] = String(seconds);
    headers["retry-after-ms"] = String(seconds * 1000);
  }
  if (permanent || (status >= 500 && seconds === undefined)) headers["x-should-retry"] = "false";
  if (challenge) headers["www-authenticate"] = "Bearer";
  if (close) headers["connection"] = "close";
  return { status, headers, body: { error: { message, type, param, code } }, close };
}

/** What a client may be told of a failure; anything unforeseen becomes `internal_error`, which says nothing. */
export function clientError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  // Express reports a path that it cannot decode in this way.
  if (error instanceof URIError) {
    return new GatewayError("bad_request", "The path holds a malformed percent-encoding.", { cause: error });
  }
  return new GatewayError("internal_error", "The server failed to process the request; its log says why.", {
    cause: error,
  });
}

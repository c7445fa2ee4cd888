/**
 * Every error that a client can be told of, by its OpenAI `code`.
 * What a code means in HTTP (status, type, headers) is said in one map, in src/http/error-response.ts.
 */
export const ERROR_CODES = [
  "invalid_json",
  "invalid_value",
  "missing_required_parameter",
  "unsupported_parameter",
  "string_above_max_length",
  "context_length_exceeded",
  "model_not_found",
  "response_not_found",
  "previous_response_not_found",
  "unknown_url",
  "method_not_allowed",
  "host_not_allowed",
  "invalid_api_key",
  "admin_not_allowed",
  "rate_limit_exceeded",
  "limits_unavailable",
  "invalid_config",
  "request_timeout",
  "request_too_large",
  "uri_too_long",
  "unsupported_media_type",
  "unsupported_content_encoding",
  "expectation_failed",
  "header_too_large",
  "bad_request",
  "client_closed_request",
  "internal_error",
  "engine_crashed",
  "engine_unavailable",
  "model_load_failed",
  "server_is_overloaded",
  "shutting_down",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface GatewayErrorOptions extends ErrorOptions {
  /** Path of the offending request field, such as `messages[2].role`; null where no field is to blame. */
  param?: string | null;
  /** Whole seconds after which another try may succeed, 1 to 60; sent as `Retry-After`. */
  retryAfter?: number;
}

/** A failure that is safe to show to a client: its message holds no path, no stack and no secret. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.param = options.param ?? null;
    this.retryAfter = options.retryAfter;
  }
}

/**
 * A failure for the operator: a wrong config, a corrupt checkpoint, a busy port. Its message names the file, the
 * key or the tensor and says what to do; the command line prints it without a stack and exits with `exitStatus`.
 */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
  /** 2: wrong usage or config; 1: anything else. */
  readonly exitStatus: 1 | 2;

  constructor(message: string, options: ErrorOptions & { exitStatus?: 1 | 2 } = {}) {
    super(message, options);
    this.exitStatus = options.exitStatus ?? 1;
  }
}

import { type ErrorCode, GatewayError } from "../errors.ts";

/** What says that a placement is ill. */
const ENGINE_FAILURES: readonly ErrorCode[] = ["engine_crashed", "engine_unavailable", "model_load_failed"];
/** What another placement of the same model may be able to do. */
const UNABLE: readonly ErrorCode[] = ["unsupported_parameter", "context_length_exceeded"];

const hasCode = (error: unknown, codes: readonly ErrorCode[]): boolean =>
  error instanceof GatewayError && codes.includes(error.code);

export const isEngineFailure = (error: unknown): error is GatewayError => hasCode(error, ENGINE_FAILURES);

/** Whether the next placement is tried, as long as the client was told nothing. */
export const givesWay = (error: unknown): boolean =>
  isEngineFailure(error) || hasCode(error, UNABLE) || hasCode(error, ["server_is_overloaded"]);

/** Whether trying again adds to what a fleet in trouble has to do; one that is full or unable has done nothing. */
export const costsRetry = (error: unknown): boolean => isEngineFailure(error);

/** Of two placements' errors, what the client is told: what may be over at its next try, before what never will. */
export const moreTelling = (before: unknown, after: unknown): unknown =>
  hasCode(after, UNABLE) ? before : after;

/** Whether another model is tried in this one's place, by its `fallbacks` or its `context_window_fallbacks`. */
export const fallbackKind = (error: unknown): "failure" | "context" | undefined => {
  if (hasCode(error, ["context_length_exceeded"])) return "context";
  return isEngineFailure(error) || hasCode(error, ["server_is_overloaded"]) ? "failure" : undefined;
};

import { GatewayError } from "../errors.ts";

/** The code of a failure as labels and spans have it; "" for none. */
export function errorType(error: unknown): string {
  if (error === undefined) return "";
  return error instanceof GatewayError ? error.code : "internal_error";
}

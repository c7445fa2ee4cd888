import { GatewayError } from "../errors.ts";

/** For a name that no model has, and, in the same words, for one that the caller may not use. */
export function modelNotFound(name: string): GatewayError {
  const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return new GatewayError(
    "model_not_found",
    `The model '${shown}' does not exist; GET /v1/models lists those that do.`,
    { param: "model" },
  );
}

import type { ServerResponse } from "node:http";
import type { ApiKey, Keyring } from "../access/keyring.ts";
import type { Decision, LimitStore, Reservation } from "../access/limit-store.ts";
import { GatewayError } from "../errors.ts";
import { rateLimitHeaders } from "./rate-limit-headers.ts";
import { estimateTokens } from "./token-estimate.ts";

/** Who may use the gateway, and how much. */
export interface Access {
  readonly keyring: Keyring;
  readonly limits: LimitStore;
}

/** The key that a request shows. Throws GatewayError `invalid_api_key`, the same for a missing and for a wrong one. */
export function keyOf(shown: string | undefined, { keyring }: Access): ApiKey {
  const key = keyring.find(shown ?? "");
  if (key !== undefined) return key;
  throw new GatewayError(
    "invalid_api_key",
    "No or an incorrect API key was provided. Send your key in the header `Authorization: Bearer YOUR_KEY`.",
  );
}

/**
 * Counts a request against its key's limits and tells the response where they stand.
 * Throws GatewayError `rate_limit_exceeded`, or `limits_unavailable`.
 */
export async function admit(
  key: ApiKey,
  body: unknown,
  { limits }: Access,
  response: ServerResponse,
): Promise<Reservation> {
  if (key.rpm === null && key.tpm === null && key.maxParallel === null) return { settle: () => undefined };
  const decision = await limits.reserve(key.name, key, estimateTokens(body));
  for (const [name, value] of rateLimitHeaders(decision.standing)) response.setHeader(name, value);
  if (decision.admitted) return decision.reservation;
  throw tooMuch(key, decision);
}

function tooMuch(
  key: ApiKey,
  { exceeded, used, wanted, retryMs }: Decision & { admitted: false },
): GatewayError {
  const retryAfter = Math.max(1, Math.ceil(retryMs / 1000));
  const [what, limit] = {
    requests: ["requests per min (RPM)", key.rpm],
    tokens: ["tokens per min (TPM)", key.tpm],
    parallel: ["requests at the same time", key.maxParallel],
  }[exceeded];
  return new GatewayError(
    "rate_limit_exceeded",
    `Rate limit reached for key '${key.name}' on ${what}: Limit ${limit}, Used ${used}, Requested ${wanted}. ` +
      `Please try again in ${retryAfter}s.`,
    { retryAfter },
  );
}

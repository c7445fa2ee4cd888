import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.ts";
import { isLoopbackAddress } from "./loopback.ts";

/** Headers with which a proxy says that it asks for somebody else. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-real-ip"];
/** Hexadecimal digits of a key's digest that tell tenants apart. */
const TENANT_DIGITS = 16;

/** Whose request it is where no keys are asked for, by the key that it shows all the same: the beginning of its SHA-256, and "" without one. */
export function tenantOf(request: IncomingMessage): string {
  const key = bearerToken(request);
  return key === undefined ? "" : digest(key).toString("hex").slice(0, TENANT_DIGITS);
}

/**
 * Throws GatewayError unless the request may use what is for operators: where `keys` holds any, by showing one of them;
 * otherwise by coming from this machine, and neither from a proxy nor from another site's page.
 */
export function requireOperator(request: IncomingMessage, keys: readonly (string | undefined)[]): void {
  const known = keys.filter((key) => key !== undefined);
  if (known.length === 0) {
    const local = isLoopbackAddress(request.socket.remoteAddress ?? "");
    const forwarded = FORWARDED.some((name) => request.headers[name] !== undefined);
    if (local && !forwarded && !fromAnotherSite(request)) return;
    throw new GatewayError(
      "admin_not_allowed",
      "The /admin endpoints and /metrics answer to the gateway's own machine only; set admin_key (for /metrics, metrics_key too) in its configuration to use them from elsewhere.",
    );
  }
  const shown = digest(bearerToken(request) ?? "");
  // Each key is compared, whichever it is.
  const matches = known.map((key) => timingSafeEqual(shown, digest(key)));
  if (!matches.includes(true)) {
    throw new GatewayError(
      "invalid_api_key",
      "This endpoint needs the admin key (for /metrics, the metrics key does too) as a bearer token.",
    );
  }
}

/** A page of another site in a browser on this machine could send a POST without asking first. */
function fromAnotherSite({ headers }: IncomingMessage): boolean {
  const { origin, host } = headers;
  return origin !== undefined && origin !== `http://${host}`;
}

/** The key that a request shows. */
export function bearerToken({ headers }: IncomingMessage): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? "")?.[1];
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.ts";
import { isLoopbackAddress } from "./loopback.ts";

/** Headers with which a proxy says that it asks for somebody else. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-real-ip"];
/** Hexadecimal digits of a key's digest that tell tenants apart. */
const TENANT_DIGITS = 16;

/** Whose request it is, by the key that it shows: the beginning of its SHA-256, and "" without one. */
export function tenantOf(request: IncomingMessage): string {
  const key = bearerToken(request);
  return key === undefined ? "" : digest(key).toString("hex").slice(0, TENANT_DIGITS);
}

/**
 * Throws GatewayError unless the request may use the /admin endpoints: with a configured key, by showing it; without
 * one, by coming from this machine, and neither from a proxy nor from another site's page.
 */
export function requireAdmin(request: IncomingMessage, adminKey: string | undefined): void {
  if (adminKey === undefined) {
    const local = isLoopbackAddress(request.socket.remoteAddress ?? "");
    const forwarded = FORWARDED.some((name) => request.headers[name] !== undefined);
    if (local && !forwarded && !fromAnotherSite(request)) return;
    throw new GatewayError(
      "admin_not_allowed",
      "The /admin endpoints answer to the gateway's own machine only; set admin_key in its configuration to use them from elsewhere.",
    );
  }
  if (!timingSafeEqual(digest(bearerToken(request) ?? ""), digest(adminKey))) {
    throw new GatewayError("invalid_api_key", "The /admin endpoints need the admin key as a bearer token.");
  }
}

/** A page of another site in a browser on this machine could send a POST without asking first. */
function fromAnotherSite({ headers }: IncomingMessage): boolean {
  const { origin, host } = headers;
  return origin !== undefined && origin !== `http://${host}`;
}

function bearerToken({ headers }: IncomingMessage): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? "")?.[1];
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

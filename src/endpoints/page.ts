import { defineGet } from "./define-endpoint.ts";
import type { Endpoint } from "./endpoint.ts";
import { PAGE_FILES } from "./page.generated.ts";

/** Only what comes from the gateway itself, and no script or style within the page: an answer that is shown can run nothing. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headers = (path: string): Record<string, string> => ({
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  // The others are named by their content.
  "cache-control": path === "/" ? "no-cache" : "public, max-age=31536000, immutable",
});

/** The page for people, and what belongs to it. */
export const pageEndpoints: readonly Endpoint[] = PAGE_FILES.map(({ path, contentType, text }) =>
  defineGet({
    path,
    summary: path === "/" ? "A page to chat and to look at the gateway" : "A part of the page",
    response: { type: "string" },
    text: true,
    open: true,
    async handle() {
      return { kind: "text", contentType, headers: headers(path), body: text };
    },
  }),
);

/**
 * The id that a client gave its request, where it is safe in headers and logs; undefined otherwise.
 * CVE-2026-116176 is what comes of taking any.
 */
export function requestId(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : undefined;
}

import type { Gauge, Standing } from "../access/limit-store.ts";

/** OpenAI's headers for the limits that a key has. */
export function rateLimitHeaders({ requests, tokens }: Standing): [name: string, value: string][] {
  const gauge = (what: string, at: Gauge | null): [string, string][] =>
    at === null
      ? []
      : [
          [`x-ratelimit-limit-${what}`, String(at.limit)],
          [`x-ratelimit-remaining-${what}`, String(at.remaining)],
          [`x-ratelimit-reset-${what}`, duration(at.resetMs)],
        ];
  return [...gauge("requests", requests), ...gauge("tokens", tokens)];
}

/** As OpenAI writes durations: `250ms`, `7.66s`, `1m0s`. */
export function duration(milliseconds: number): string {
  const ms = Math.ceil(milliseconds);
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  return minutes === 0 ? seconds : `${minutes}m${seconds}`;
}

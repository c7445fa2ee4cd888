import type { Limits } from "./keyring.ts";

/** Milliseconds that what was used counts for: a minute, in steps of a second. */
export const WINDOW_MS = 60_000;

/** Where one limit stands, a request that has just been admitted included. */
export interface Gauge {
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until all of it is there again, if nothing more is used. */
  readonly resetMs: number;
}

/** Where a key stands; null where it has no such limit. */
export interface Standing {
  readonly requests: Gauge | null;
  readonly tokens: Gauge | null;
}

/** What an admitted request holds. */
export interface Reservation {
  /**
   * The request has ended and used that many tokens: they are counted in place of those reserved, at the time of the
   * reservation. Never throws, and waits for nobody; a second call is harmless.
   */
  settle(tokens: number): void;
}

export type Limit = "requests" | "tokens" | "parallel";

export type Decision =
  | { readonly admitted: true; readonly standing: Standing; readonly reservation: Reservation }
  | {
      readonly admitted: false;
      readonly standing: Standing;
      readonly exceeded: Limit;
      /** What counted already, and how much the request wanted. */
      readonly used: number;
      readonly wanted: number;
      /** Milliseconds until there may be room. */
      readonly retryMs: number;
    };

/** What keys have used of their limits in the last minute. */
export interface LimitStore {
  /**
   * Counts a request and the tokens that it is expected to use, if all limits have room; nothing is counted otherwise.
   * A request that expects more than `tpm` is taken to want all of it.
   */
  reserve(name: string, limits: Limits, tokens: number): Promise<Decision>;
  status(): LimitStatus;
  close(): Promise<void>;
}

/** Where the counters are, for operators. */
export interface LimitStatus {
  readonly store: "process" | "redis";
  /** Whether the last use of Redis succeeded; null without one. */
  readonly reachable: boolean | null;
  /** Requests whose limits Redis could not be asked for. */
  readonly failures: number;
}

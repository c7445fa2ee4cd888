import { z } from "zod";
import type { Limits } from "./keyring.ts";
import type { Decision, Gauge, Limit, LimitStatus, LimitStore } from "./limit-store.ts";
import { WINDOW_MS } from "./limit-store.ts";
import { PARALLEL_RETRY_MS } from "./process-limits.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { RENEW, RESERVE, SETTLE } from "./redis-scripts.ts";

/** Milliseconds after which what a gateway holds is taken for lost, unless it says that it lives. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;

/** As RESERVE gives it. */
const answer = z.tuple([
  z.int(),
  z.number(),
  z.int(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
]);
const REFUSALS: readonly (Limit | undefined)[] = [undefined, "requests", "tokens", "parallel"];

export interface RedisLimitsParts {
  readonly redis: RedisConnection;
  /** What the names of its entries begin with. */
  readonly prefix: string;
  newId(): string;
  monotonic(): number;
  after(ms: number, callback: () => void): () => void;
}

interface Settlement {
  readonly keys: readonly string[];
  readonly args: readonly string[];
  /** When nobody counts it any more. */
  readonly until: number;
}

/** Limits that every gateway with the same Redis and prefix shares. Calls reject where Redis does not answer. */
export class RedisLimits implements LimitStore {
  readonly #parts: RedisLimitsParts;
  /** Ids of reservations that are held, by the entry that lists them. */
  readonly #held = new Map<string, Set<string>>();
  /** What Redis could not yet be told. */
  #unsettled: Settlement[] = [];
  #cancelRenewal: () => void;

  constructor(parts: RedisLimitsParts) {
    this.#parts = parts;
    this.#cancelRenewal = parts.after(RENEW_MS, () => this.#renew());
  }

  async reserve(name: string, limits: Limits, expected: number): Promise<Decision> {
    const { redis, prefix, newId } = this.#parts;
    const { rpm, tpm, maxParallel } = limits;
    const tokens = Math.min(expected, tpm ?? expected);
    const entry = (what: string): string => `${prefix}:{${name}}:${what}`;
    const [tokenEntry, runningEntry] = [entry("tokens"), entry("running")];
    const id = newId();
    const args = [rpm ?? -1, tpm ?? -1, maxParallel ?? -1, tokens, id, LEASE_MS].map(String);
    const told = answer.parse(await redis.run(RESERVE, [entry("requests"), tokenEntry, runningEntry], args));
    const [refused, wait, second, usedRequests, resetRequests, usedTokens, resetTokens, running] = told;
    const gauge = (limit: number | null, used: number, resetMs: number): Gauge | null =>
      limit === null ? null : { limit, remaining: Math.max(0, limit - used), resetMs };
    const standing = {
      requests: gauge(rpm, usedRequests, resetRequests),
      tokens: gauge(tpm, usedTokens, resetTokens),
    };
    const exceeded = REFUSALS[refused];
    if (exceeded !== undefined) {
      const used = { requests: usedRequests, tokens: usedTokens, parallel: running }[exceeded];
      const wanted = exceeded === "tokens" ? tokens : 1;
      const retryMs = exceeded === "parallel" ? PARALLEL_RETRY_MS : wait;
      return { admitted: false, standing, exceeded, used, wanted, retryMs };
    }
    const held = this.#held.get(runningEntry) ?? new Set();
    this.#held.set(runningEntry, held.add(id));
    const settle = (used: number): void => {
      if (!held.delete(id)) return;
      const until = this.#parts.monotonic() + WINDOW_MS;
      const args = [id, String(second), String(used - tokens)];
      void this.#settle({ keys: [tokenEntry, runningEntry], args, until });
    };
    return { admitted: true, standing, reservation: { settle } };
  }

  status(): LimitStatus {
    return { store: "redis", reachable: true, failures: 0 };
  }

  async close(): Promise<void> {
    this.#cancelRenewal();
    this.#parts.redis.close();
  }

  async #settle(settlement: Settlement): Promise<void> {
    try {
      await this.#parts.redis.run(SETTLE, settlement.keys, settlement.args);
    } catch {
      this.#unsettled.push(settlement);
    }
  }

  #renew(): void {
    const { redis, monotonic, after } = this.#parts;
    this.#cancelRenewal = after(RENEW_MS, () => this.#renew());
    for (const [entry, ids] of this.#held) {
      // Where it fails, the next renewal is in time still.
      if (ids.size > 0) void redis.run(RENEW, [entry], [String(LEASE_MS), ...ids]).catch(() => undefined);
    }
    const again = this.#unsettled.filter(({ until }) => until > monotonic());
    this.#unsettled = [];
    for (const settlement of again) void this.#settle(settlement);
  }
}

import type { LimitStore } from "../access/limit-store.ts";
import { ProcessLimits } from "../access/process-limits.ts";
import { connectRedis } from "../access/redis-connection.ts";
import { RedisLimits } from "../access/redis-limits.ts";
import { SharedLimits } from "../access/shared-limits.ts";
import type { Log } from "../core/log.ts";
import type { RateLimits } from "./rate-limits.ts";

export interface LimitsParts {
  /** Counts where no Redis does; absent: this process. */
  readonly own?: LimitStore | undefined;
  readonly log: Log;
  newId(): string;
  monotonic(): number;
  after(ms: number, callback: () => void): () => void;
}

/** The limits that a configuration asks for: counted here, or in a Redis with others. */
export function createLimits(options: RateLimits, parts: LimitsParts): LimitStore {
  const { log, newId, monotonic, after, own = new ProcessLimits(monotonic) } = parts;
  const { redis: url, redis_prefix: prefix, redis_timeout: timeout, on_redis_failure: onFailure } = options;
  if (url === undefined) return own;
  const redis = connectRedis({ url, timeoutMs: timeout * 1000, after });
  const shared = new RedisLimits({ redis, prefix, newId, monotonic, after });
  return new SharedLimits({ shared, own, onFailure, log, monotonic });
}

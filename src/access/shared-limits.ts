import type { Log } from "../core/log.ts";
import { GatewayError } from "../errors.ts";
import type { Limits } from "./keyring.ts";
import type { Decision, LimitStatus, LimitStore } from "./limit-store.ts";

/** Milliseconds for which a Redis that failed is not asked: requests do not each wait for it. */
const REST_MS = 1000;

export interface SharedLimitsParts {
  readonly shared: LimitStore;
  /** Counts while the shared ones cannot be asked. */
  readonly own: LimitStore;
  readonly onFailure: "open" | "closed";
  readonly log: Log;
  monotonic(): number;
}

/** Shared limits, and what is done while they cannot be asked. */
export class SharedLimits implements LimitStore {
  readonly #parts: SharedLimitsParts;
  #reachable = true;
  #failures = 0;
  #restsUntil = 0;

  constructor(parts: SharedLimitsParts) {
    this.#parts = parts;
  }

  /** Throws GatewayError `limits_unavailable` where they cannot be asked and `closed` is chosen. */
  async reserve(name: string, limits: Limits, tokens: number): Promise<Decision> {
    const { shared, own, onFailure, monotonic } = this.#parts;
    if (monotonic() >= this.#restsUntil) {
      try {
        const decision = await shared.reserve(name, limits, tokens);
        this.#succeeded();
        return decision;
      } catch (error) {
        this.#failed(error);
      }
    } else {
      this.#failures += 1;
    }
    if (onFailure === "open") return own.reserve(name, limits, tokens);
    throw new GatewayError(
      "limits_unavailable",
      "The limits of this key cannot be counted at the moment. Try again shortly.",
    );
  }

  status(): LimitStatus {
    return { store: "redis", reachable: this.#reachable, failures: this.#failures };
  }

  async close(): Promise<void> {
    await this.#parts.shared.close();
  }

  #succeeded(): void {
    if (this.#reachable) return;
    this.#reachable = true;
    this.#parts.log.info({}, "Redis answers again; limits are shared");
  }

  #failed(error: unknown): void {
    const { log, monotonic, onFailure } = this.#parts;
    this.#failures += 1;
    this.#restsUntil = monotonic() + REST_MS;
    if (!this.#reachable) return;
    this.#reachable = false;
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ reason, on_redis_failure: onFailure }, "Redis does not answer; limits are not shared");
  }
}

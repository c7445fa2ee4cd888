import type { Limits } from "./keyring.ts";
import type { Decision, Gauge, Limit, LimitStatus, LimitStore, Standing } from "./limit-store.ts";
import { SecondCounts, secondOf } from "./second-counts.ts";

/** Milliseconds after which a key that runs at its most parallel requests should try again. */
export const PARALLEL_RETRY_MS = 1000;

interface Use {
  readonly requests: SecondCounts;
  readonly tokens: SecondCounts;
  running: number;
}

/** Limits counted in this process alone. */
export class ProcessLimits implements LimitStore {
  readonly #monotonic: () => number;
  readonly #uses = new Map<string, Use>();

  /** `monotonic`: milliseconds of a clock that never goes back. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  async reserve(name: string, limits: Limits, expected: number): Promise<Decision> {
    const now = this.#monotonic();
    const use = this.#uses.get(name) ?? {
      requests: new SecondCounts(),
      tokens: new SecondCounts(),
      running: 0,
    };
    this.#uses.set(name, use);
    const tokens = Math.min(expected, limits.tpm ?? expected);
    const refused = refusal(use, limits, tokens, now);
    if (refused !== undefined) {
      return { admitted: false, standing: standing(use, limits, now), ...refused };
    }
    const second = secondOf(now);
    use.requests.add(second, 1);
    use.tokens.add(second, tokens);
    use.running += 1;
    let settled = false;
    const settle = (used: number): void => {
      if (settled) return;
      settled = true;
      use.running -= 1;
      use.tokens.correct(second, used - tokens);
    };
    return { admitted: true, standing: standing(use, limits, now), reservation: { settle } };
  }

  status(): LimitStatus {
    return { store: "process", reachable: null, failures: 0 };
  }

  async close(): Promise<void> {}
}

function refusal(use: Use, { rpm, tpm, maxParallel }: Limits, tokens: number, now: number) {
  const over = (exceeded: Limit, counts: SecondCounts, limit: number | null, wanted: number) => {
    const used = counts.sum(now);
    if (limit === null || used + wanted <= limit) return undefined;
    return { exceeded, used, wanted, retryMs: counts.timeUntilFreed(now, used + wanted - limit) };
  };
  if (maxParallel !== null && use.running >= maxParallel) {
    return { exceeded: "parallel", used: use.running, wanted: 1, retryMs: PARALLEL_RETRY_MS } as const;
  }
  const inRequests = over("requests", use.requests, rpm, 1);
  const inTokens = over("tokens", use.tokens, tpm, tokens);
  const refused = inRequests ?? inTokens;
  const retryMs = Math.max(inRequests?.retryMs ?? 0, inTokens?.retryMs ?? 0);
  return refused === undefined ? undefined : { ...refused, retryMs };
}

function standing({ requests, tokens }: Use, { rpm, tpm }: Limits, now: number): Standing {
  const gauge = (counts: SecondCounts, limit: number | null): Gauge | null => {
    if (limit === null) return null;
    const remaining = Math.max(0, limit - counts.sum(now));
    return { limit, remaining, resetMs: counts.timeUntilFreed(now, Number.POSITIVE_INFINITY) };
  };
  return { requests: gauge(requests, rpm), tokens: gauge(tokens, tpm) };
}

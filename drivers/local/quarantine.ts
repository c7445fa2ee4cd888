import { createHash } from "node:crypto";
import type { GenerationRequest } from "../../src/core/generation.ts";

/** Engines that a request may be computed by when they die. */
const STRIKES = 2;
const SENTENCE_MS = 10 * 60_000;
/** Fingerprints that are remembered. */
const MOST = 1000;

interface Record {
  readonly strikes: number;
  readonly at: number;
}

/**
 * Requests that were being computed when engines died of their own. One that did so twice is kept from the next
 * engine for a while; one that is answered is cleared of all suspicion.
 */
export class Quarantine {
  readonly #monotonic: () => number;
  /** By fingerprint, the latest last. */
  readonly #records = new Map<string, Record>();

  /** `monotonic`: milliseconds of a clock that never goes back. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Notes the requests that an engine was computing when it died. */
  strike(requests: readonly GenerationRequest[]): void {
    const at = this.#monotonic();
    for (const fingerprint of new Set(requests.map(fingerprintOf))) {
      const strikes = (this.#recent(fingerprint)?.strikes ?? 0) + 1;
      this.#records.delete(fingerprint);
      this.#records.set(fingerprint, { strikes, at });
    }
    for (const fingerprint of this.#records.keys()) {
      if (this.#records.size <= MOST) break;
      this.#records.delete(fingerprint);
    }
  }

  holds(request: GenerationRequest): boolean {
    if (this.#records.size === 0) return false;
    return (this.#recent(fingerprintOf(request))?.strikes ?? 0) >= STRIKES;
  }

  /** Clears a request that was answered to its end. */
  clear(request: GenerationRequest): void {
    if (this.#records.size > 0) this.#records.delete(fingerprintOf(request));
  }

  #recent(fingerprint: string): Record | undefined {
    const record = this.#records.get(fingerprint);
    return record !== undefined && this.#monotonic() - record.at < SENTENCE_MS ? record : undefined;
  }
}

/** Of everything that the engine computes by; whose request it is and when it has to be done do not matter. */
function fingerprintOf(request: GenerationRequest): string {
  const { tenant: _tenant, priority: _priority, maxTimeMs: _maxTimeMs, trace: _trace, ...computed } = request;
  return createHash("sha256").update(JSON.stringify(computed)).digest("base64");
}

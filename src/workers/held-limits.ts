import type { Limits } from "../access/keyring.ts";
import type { Decision, LimitStore, Reservation } from "../access/limit-store.ts";

interface Held {
  readonly reservation: Reservation;
  /** What it was counted with. */
  readonly tokens: number;
}

type Answer =
  | (Omit<Decision & { admitted: true }, "reservation"> & { readonly id: number })
  | (Decision & { admitted: false });

/** The limits of all workers, counted in the primary process: no request is counted by one and missed by another. */
export class HeldLimits {
  readonly #limits: LimitStore;
  readonly #held = new Map<number, Map<number, Held>>();
  #ids = 0;

  constructor(limits: LimitStore) {
    this.#limits = limits;
  }

  async reserve(worker: number, name: string, limits: Limits, tokens: number): Promise<Answer> {
    const decision = await this.#limits.reserve(name, limits, tokens);
    if (!decision.admitted) return decision;
    this.#ids += 1;
    const held = this.#held.get(worker) ?? new Map<number, Held>();
    this.#held.set(worker, held);
    const { reservation, ...told } = decision;
    held.set(this.#ids, { reservation, tokens: Math.min(tokens, limits.tpm ?? tokens) });
    return { ...told, id: this.#ids };
  }

  settle(worker: number, id: number, tokens: number): void {
    const held = this.#held.get(worker);
    held?.get(id)?.reservation.settle(tokens);
    held?.delete(id);
  }

  /** What the requests of a worker that died would have used is not known: what they were expected to use stays counted. */
  gone(worker: number): void {
    for (const { reservation, tokens } of this.#held.get(worker)?.values() ?? []) reservation.settle(tokens);
    this.#held.delete(worker);
  }
}

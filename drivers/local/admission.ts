import type { Control } from "./grammar/control.ts";
import type { Awaited } from "./slots.ts";
import { type Served, serviceOrder, type Waiting, WaitingQueue } from "./waiting-queue.ts";

/** One request from its arrival to the end of its last choice. */
export interface Job extends Waiting {
  readonly seed: number;
  /** What its answers begin with where they are constrained. */
  readonly constraint: Control | undefined;
  /** The next choice that wants a slot. */
  choice: number;
  /** What its next choice waits for although there are free slots. */
  awaited: Awaited | undefined;
  queuedMs: number;
  /** Prompt tokens that its first choice found computed. */
  cachedTokens: number;
  /** Set once the prompt has been computed; further choices wait for it, to copy the prompt instead of computing it. */
  started: boolean;
}

export const newJob = (parts: Pick<Job, "id" | "request" | "arrived" | "seed" | "constraint">): Job => ({
  ...parts,
  choice: 0,
  awaited: undefined,
  queuedMs: 0,
  cachedTokens: 0,
  started: false,
});

/** Of how many tenants the last turn is remembered; all others count as never served. */
const REMEMBERED_TENANTS = 1000;

/** Who wants a slot: requests that have none yet, and those that want more of them for further choices. */
export class Admission {
  readonly #queue: WaitingQueue<Job>;
  /** In the order in which they began. */
  readonly #begun = new Map<number, Job>();
  /** Number of the turn that each tenant had last, the longest ago first. */
  readonly #turns = new Map<string, number>();
  #turn = 0;

  /** `late` is told of a request that has waited too long and was taken out. */
  constructor(late: (job: Job) => void) {
    this.#queue = new WaitingQueue(late);
  }

  /** Requests that have no slot yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Requests of which some choices have none yet. */
  get begun(): readonly Job[] {
    return [...this.#begun.values()];
  }

  push(job: Job, mostMs: number): void {
    this.#queue.push(job, mostMs);
  }

  /** Harmless for a request that wants nothing. */
  remove(id: number): void {
    this.#queue.remove(id);
    this.#begun.delete(id);
  }

  /** Everybody who wants a slot, in the order of service. `holders`: for each slot in use, whose it is. */
  inOrder(holders: readonly string[]): Job[] {
    const wanting = [...this.#begun.values(), ...this.#queue.all()];
    if (wanting.length < 2) return wanting;
    const served = new Map<string, Served>();
    for (const [tenant, last] of this.#turns) served.set(tenant, { slots: 0, last });
    for (const tenant of holders) {
      const { slots, last } = served.get(tenant) ?? { slots: 0, last: -1 };
      served.set(tenant, { slots: slots + 1, last });
    }
    return serviceOrder(wanting, served);
  }

  /** Notes that the next choice of a request got a slot. */
  placed(job: Job): void {
    const { tenant } = job.request;
    this.#turn += 1;
    this.#turns.delete(tenant);
    this.#turns.set(tenant, this.#turn);
    const [oldest] = this.#turns.keys();
    if (this.#turns.size > REMEMBERED_TENANTS && oldest !== undefined) this.#turns.delete(oldest);
    this.#queue.remove(job.id);
    this.#begun.set(job.id, job);
    job.choice += 1;
    if (job.choice === job.request.choices) this.#begun.delete(job.id);
  }
}

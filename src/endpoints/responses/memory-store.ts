import type { Item } from "./input.ts";
import type { ResponseStore, StoredResponse } from "./store.ts";

export interface MemoryLimits {
  readonly responses: number;
  /** Of their JSON, in characters. */
  readonly characters: number;
}

interface Entry {
  readonly tenant: string;
  readonly stored: StoredResponse;
  readonly size: number;
  readonly expires: number;
}

/** Keeps responses in memory, the newest within its limits, each for `ttlMs`. They end with the process. */
export class MemoryResponseStore implements ResponseStore {
  readonly #limits: MemoryLimits;
  readonly #ttlMs: number;
  readonly #now: () => number;
  /** By id, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #items = new Map<string, { tenant: string; item: Item }>();
  #characters = 0;

  constructor(limits: MemoryLimits, ttlMs: number, now: () => number) {
    this.#limits = limits;
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  put(tenant: string, stored: StoredResponse): void {
    const size = JSON.stringify(stored).length;
    if (size > this.#limits.characters) return;
    this.#remove(stored.response.id);
    this.#entries.set(stored.response.id, { tenant, stored, size, expires: this.#now() + this.#ttlMs });
    for (const item of [...stored.input, ...stored.output]) this.#items.set(item.id, { tenant, item });
    this.#characters += size;
    for (const [id, { expires }] of this.#entries) {
      const tooMany =
        this.#entries.size > this.#limits.responses || this.#characters > this.#limits.characters;
      if (!tooMany && expires > this.#now()) break;
      this.#remove(id);
    }
  }

  get(tenant: string, id: string): StoredResponse | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.tenant !== tenant) return undefined;
    if (entry.expires > this.#now()) return entry.stored;
    this.#remove(id);
    return undefined;
  }

  item(tenant: string, id: string): Item | undefined {
    const found = this.#items.get(id);
    return found?.tenant === tenant ? found.item : undefined;
  }

  delete(tenant: string, id: string): boolean {
    if (this.get(tenant, id) === undefined) return false;
    this.#remove(id);
    return true;
  }

  #remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#characters -= entry.size;
    for (const item of [...entry.stored.input, ...entry.stored.output]) this.#items.delete(item.id);
  }

  close(): void {
    this.#entries.clear();
    this.#items.clear();
  }
}

import koffi from "koffi";
import type { NativeBatch } from "./layout.ts";

/** The tokens of one step in native memory, where llama.cpp reads them; filled anew for each step. */
export class Batch {
  readonly capacity: number;
  readonly native: NativeBatch;
  /** Rows of logits asked for so far. */
  rows = 0;
  readonly #memory: unknown;
  readonly #token: Int32Array;
  readonly #position: Int32Array;
  readonly #slot: Int32Array;
  readonly #wanted: Int8Array;

  /** `capacity`: most tokens of one step. */
  constructor(capacity: number) {
    this.capacity = capacity;
    // One block: a pointer a token to its list of slots (each a list of one), four int32 arrays, one int8 array.
    const size = capacity * (8 + 4 * 4 + 1);
    this.#memory = koffi.alloc("uint8_t", size);
    const base = koffi.address(this.#memory);
    const view = koffi.view(this.#memory, size);
    const slotLists = new BigUint64Array(view, 0, capacity);
    const int32 = (index: number) => new Int32Array(view, capacity * (8 + 4 * index), capacity);
    const at = (bytesPerToken: number): bigint => base + BigInt(capacity * bytesPerToken);
    this.#token = int32(0);
    this.#position = int32(1);
    int32(2).fill(1);
    this.#slot = int32(3);
    this.#wanted = new Int8Array(view, capacity * 24, capacity);
    for (let index = 0; index < capacity; index += 1) slotLists[index] = at(20) + BigInt(4 * index);
    this.native = {
      n_tokens: 0,
      token: at(8),
      embd: null,
      pos: at(12),
      n_seq_id: at(16),
      seq_id: base,
      logits: at(24),
    };
  }

  clear(): void {
    this.native.n_tokens = 0;
    this.rows = 0;
  }

  /** The caller has checked everything: llama.cpp ends the process on a batch that is too long. */
  add(token: number, position: number, slot: number, wanted: boolean): void {
    const index = this.native.n_tokens;
    this.#token[index] = token;
    this.#position[index] = position;
    this.#slot[index] = slot;
    this.#wanted[index] = wanted ? 1 : 0;
    this.native.n_tokens = index + 1;
    if (wanted) this.rows += 1;
  }

  free(): void {
    koffi.free(this.#memory);
  }
}

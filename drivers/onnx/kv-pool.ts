import { pastName, presentName } from "./graph/layers.ts";
import type { KvMemory, KvPiece } from "./kv-memory.ts";
import type { Binding, OrtSession } from "./runtime/session.ts";

export interface KvShape {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly slots: number;
  /** Positions of a slot. */
  readonly positions: number;
}

interface Cache {
  readonly past: string;
  readonly present: string;
  /** `[slots, heads, positions, headSize]` */
  readonly values: KvPiece;
}

/**
 * Keys and values of all slots. A slot's part is bound to the graph where it lies, as its past and its present, so
 * that attention adds to it in place.
 */
export class KvPool {
  readonly #shape: KvShape;
  readonly #caches: readonly Cache[];

  constructor(shape: KvShape, memory: KvMemory) {
    const { layers, heads, headSize, slots, positions } = shape;
    this.#shape = shape;
    this.#caches = Array.from({ length: layers }, (_, layer) =>
      ["key", "value"].map((part) => ({
        past: pastName(layer, part),
        present: presentName(layer, part),
        values: memory.piece(slots * heads * positions * headSize),
      })),
    ).flat();
  }

  /** A binding of the caches of `count` slots from `first` on. */
  bind(session: OrtSession, first: number, count: number): Binding {
    const { heads, positions, headSize } = this.#shape;
    const slot = heads * positions * headSize;
    const binding = session.binding();
    for (const { past, present, values } of this.#caches) {
      const tensor = values.tensor(session, first * slot, [count, heads, positions, headSize]);
      binding.input(past, tensor);
      binding.output(present, tensor);
      tensor.release();
    }
    return binding;
  }

  /** Copies the first `length` positions of a slot to another. */
  copy(from: number, to: number, length: number): void {
    const { heads, positions, headSize } = this.#shape;
    const stride = positions * headSize;
    const rows = { rows: heads, stride, length: length * headSize };
    for (const { values } of this.#caches) values.copyRows(to * heads * stride, from * heads * stride, rows);
  }

  release(): void {
    for (const { values } of this.#caches) values.release();
  }
}

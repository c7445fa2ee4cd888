import type { Binding, OrtSession, Tensor } from "../runtime/session.ts";
import { cacheNames, type FloatType } from "./signature.ts";

export interface CacheShape {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly slots: number;
  /** Most positions of a slot. */
  readonly positions: number;
  readonly type: FloatType;
}

type Values = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

interface Cache {
  readonly past: string;
  readonly present: string;
  /** Each with room for all positions of a slot; one more than there are slots. */
  readonly places: readonly Values[];
}

/**
 * Keys and values of all slots for graphs that read `past` and write it again, with what is new at its end, as `present`.
 * A slot's values lie close together, `[heads, length, headSize]`; a run writes to a place of its own, which takes the
 * slot's turn once the run is done. So a run that fails has changed nothing.
 */
export class ExportedCaches {
  readonly #shape: CacheShape;
  readonly #caches: readonly Cache[];
  /** Where each slot's values lie. */
  readonly #placeOf: number[];
  #spare: number;

  constructor(shape: CacheShape) {
    const { layers, heads, headSize, slots, positions, type } = shape;
    this.#shape = shape;
    const elements = heads * positions * headSize;
    const place = () => (type === "f32" ? new Float32Array(elements) : new Uint16Array(elements));
    this.#caches = cacheNames(layers).map((names) => ({
      ...names,
      places: Array.from({ length: slots + 1 }, place),
    }));
    this.#placeOf = Array.from({ length: slots }, (_, slot) => slot);
    this.#spare = slots;
  }

  /**
   * Binds what a slot holds, `held` positions, and where it and `added` more are to be written. The tensors are the
   * caller's to release. `past` is false for a graph that takes none.
   */
  bind(
    session: OrtSession,
    binding: Binding,
    { slot, held, added, past }: { slot: number; held: number; added: number; past: boolean },
  ): Tensor[] {
    const { heads, headSize } = this.#shape;
    const tensor = (place: number, length: number, places: readonly Values[]) => {
      const values = places[place];
      if (values === undefined) throw new RangeError(`There is no place ${place}.`);
      return session.tensor(values.subarray(0, heads * length * headSize), [1, heads, length, headSize]);
    };
    const tensors: Tensor[] = [];
    for (const cache of this.#caches) {
      if (past) {
        const before = tensor(this.#place(slot), held, cache.places);
        tensors.push(before);
        binding.input(cache.past, before);
      }
      const after = tensor(this.#spare, held + added, cache.places);
      tensors.push(after);
      binding.output(cache.present, after);
    }
    return tensors;
  }

  /** What the last run wrote becomes what the slot holds. */
  accept(slot: number): void {
    const before = this.#place(slot);
    this.#placeOf[slot] = this.#spare;
    this.#spare = before;
  }

  /** Keeps the first `length` of the `held` positions of a slot. */
  truncate(slot: number, held: number, length: number): void {
    const { heads, headSize } = this.#shape;
    if (length === held || length === 0) return;
    for (const { places } of this.#caches) {
      const values = places[this.#place(slot)];
      for (let head = 1; head < heads; head += 1) {
        const start = head * held * headSize;
        values?.copyWithin(head * length * headSize, start, start + length * headSize);
      }
    }
  }

  /** The first `length` of the `held` positions of a slot become what another one holds. */
  copy(from: number, to: number, held: number, length: number): void {
    const { heads, headSize } = this.#shape;
    for (const { places } of this.#caches) {
      const source = places[this.#place(from)];
      const target = places[this.#place(to)];
      if (source === undefined || target === undefined) throw new RangeError("There is no such slot.");
      for (let head = 0; head < heads; head += 1) {
        const start = head * held * headSize;
        target.set(source.subarray(start, start + length * headSize), head * length * headSize);
      }
    }
  }

  #place(slot: number): number {
    return this.#placeOf[slot] ?? slot;
  }
}

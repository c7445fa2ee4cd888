/**
 * A map that forgets what has not been asked for lately: what it holds can be made again. It holds up to `most` values
 * that were asked for since the last time that it grew too large, and as many from before.
 */
export class Kept<V> {
  #recent = new Map<string | number, V>();
  #earlier = new Map<string | number, V>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string | number, make: () => V): V {
    let value = this.#recent.get(key);
    if (value === undefined) {
      value = this.#earlier.get(key) ?? make();
      if (this.#recent.size >= this.#most) {
        this.#earlier = this.#recent;
        this.#recent = new Map();
      }
      this.#recent.set(key, value);
    }
    return value;
  }
}

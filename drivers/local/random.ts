import { mixedBits } from "../../src/core/mixed-bits.ts";

/**
 * A seeded generator of one answer: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2018), its state filled by the 32-bit finaliser of MurmurHash3 over a counter. The same seed and index
 * give the same sequence on every machine.
 */
export class Random {
  readonly #state = new Uint32Array(4);

  /** `seed`: a safe integer; `index`: the choice's number, so that choices of one request differ. */
  constructor(seed: number, index: number) {
    const low = (seed % 2 ** 32) | 0;
    const high = Math.floor(seed / 2 ** 32) | 0;
    let counter = mixedBits(low ^ mixedBits(high ^ mixedBits(index)));
    for (let word = 0; word < 4; word += 1) {
      counter = (counter + 0x9e3779b9) | 0;
      this.#state[word] = mixedBits(counter);
    }
  }

  /** Uniform in [0, 1), 53 bits. */
  next(): number {
    return ((this.#word() >>> 5) * 2 ** 26 + (this.#word() >>> 6)) / 2 ** 53;
  }

  #word(): number {
    const state = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state;
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const n2 = s2 ^ s0;
    const n3 = s3 ^ s1;
    state[0] = s0 ^ n3;
    state[1] = s1 ^ n2;
    state[2] = n2 ^ (s1 << 9);
    state[3] = rotate(n3, 11);
    return result;
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

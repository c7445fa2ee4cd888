import { ROWS_WASM } from "./rows.wasm.ts";

/** The functions of rows.asm.ts, where they are described. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  init(size: number): number;
  weightsAddress(): number;
  idsAddress(): number;
  allowedAddress(): number;
  restrict(): void;
  largest(): number;
  find(logit: number): number;
  partition(most: number): number;
  candidates(most: number, temperature: number, topK: number, topP: number, minP: number): number;
  totalWeight(): number;
  draw(size: number, target: number): number;
  top(count: number): void;
}

/** A row of logits that no token can be drawn from, as a broken model gives. */
export class BadLogits extends Error {
  override readonly name = "BadLogits";
}

/** One row of logits at a time, in the memory of the WebAssembly module that computes on it. */
export class RowKernel {
  readonly #wasm: Exports;
  readonly #size: number;
  /** The row, of the vocabulary's size; may be changed between `load` and what is computed. */
  readonly row: Float32Array;
  /** After `candidates`: unnormalised probabilities by token id; 0 for what weighs nothing or was taken away. */
  readonly weights: Float32Array;
  /** A bit for each token, that of token i in word i / 32, for `restrict`. */
  readonly allowed: Uint32Array;
  /** After `candidates` and `top`: their ids, from the beginning of the list. */
  readonly ids: Int32Array;

  constructor(vocabularySize: number) {
    const module = new WebAssembly.Module(Buffer.from(ROWS_WASM, "base64"));
    // The module is compiled from rows.asm.ts, which exports exactly these.
    this.#wasm = new WebAssembly.Instance(module).exports as Exports;
    this.#size = vocabularySize;
    const padded = Math.ceil(vocabularySize / 4) * 4;
    const address = this.#wasm.init(padded);
    const { buffer } = this.#wasm.memory;
    new Float32Array(buffer, address, padded).fill(Number.NEGATIVE_INFINITY);
    this.row = new Float32Array(buffer, address, vocabularySize);
    this.weights = new Float32Array(buffer, this.#wasm.weightsAddress(), vocabularySize);
    this.ids = new Int32Array(buffer, this.#wasm.idsAddress(), padded);
    this.allowed = new Uint32Array(buffer, this.#wasm.allowedAddress(), Math.ceil(padded / 32));
  }

  load(row: Float32Array): void {
    this.row.set(row);
  }

  /** Takes the logits of all tokens away whose bit in `allowed` is 0. */
  restrict(): void {
    this.#wasm.restrict();
  }

  /** The largest logit. Throws BadLogits where there is none, or where one is not a number. */
  largest(): number {
    const most = this.#wasm.largest();
    if (!Number.isFinite(most)) throw new BadLogits("the engine's logits are not finite numbers");
    return most;
  }

  /** The first token with this logit. */
  find(logit: number): number {
    return this.#wasm.find(logit);
  }

  /** Natural logarithm of the sum of exp(logit). */
  logPartition(): number {
    const most = this.largest();
    return most + Math.log(this.#wasm.partition(most));
  }

  /** Weighs the row and takes candidates away; returns how many are left and their weights' sum. */
  candidates(
    temperature: number,
    topK: number,
    topP: number,
    minP: number,
  ): { count: number; total: number } {
    const count = this.#wasm.candidates(this.largest(), temperature, Math.min(topK, this.#size), topP, minP);
    return { count, total: this.#wasm.totalWeight() };
  }

  /** The candidate that is reached when the first `count` weights are added up to `target`. */
  draw(count: number, target: number): number {
    return this.#wasm.draw(count, target);
  }

  /** Leaves the ids of the `count` largest logits in `ids`, largest first and of equals the lower id first. */
  top(count: number): number {
    const most = Math.min(count, this.#size);
    this.#wasm.top(most);
    return most;
  }
}

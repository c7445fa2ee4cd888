import { requireFinite } from "../local/checkpoint/encode-floats.ts";
import type { MatrixType } from "./graph/weights.ts";
import { BLOCKS_WASM } from "./kernel/blocks.wasm.ts";

export type BlockType = Extract<MatrixType, { kind: "blocks" }>;

/** The functions of blocks.asm.ts, where they are described. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  init(count: number, block: number): number;
  dataAddress(): number;
  scalesAddress(): number;
  zerosAddress(): number;
  quantise8(count: number, block: number): void;
  quantise4(count: number, block: number): void;
}

/** Rows of a matrix in groups of values that share a scale, as MatMulNBits takes them; valid until the next rows. */
export interface QuantisedRows {
  /** `[rows, blocks, block * bits / 8]`; of 4 bits the first value of a pair is the lower half. */
  readonly data: Uint8Array;
  /** `[rows * blocks]`; a value is scale * (number - zero). */
  readonly scales: Float32Array;
  /** `[rows, blocks]` */
  readonly zeros: Uint8Array;
}

/** Quantises rows of float32 values; what the last block of a row lacks counts as 0. */
export class BlockQuantiser {
  readonly #wasm: Exports;
  readonly #columns: number;
  readonly #type: BlockType;

  constructor(columns: number, type: BlockType) {
    const module = new WebAssembly.Module(Buffer.from(BLOCKS_WASM, "base64"));
    // The module is compiled from blocks.asm.ts, which exports exactly these.
    this.#wasm = new WebAssembly.Instance(module).exports as Exports;
    this.#columns = columns;
    this.#type = type;
  }

  /** `values`: `[rows, columns]`. Throws NotRepresentable. */
  rows(values: Float32Array<ArrayBuffer>): QuantisedRows {
    requireFinite(values);
    const { bits, block } = this.#type;
    const columns = this.#columns;
    const rows = values.length / columns;
    const blocks = Math.ceil(columns / block);
    const count = rows * blocks * block;
    const address = this.#wasm.init(count, block);
    const { buffer } = this.#wasm.memory;
    const target = new Float32Array(buffer, address, count);
    if (columns === blocks * block) {
      target.set(values);
    } else {
      target.fill(0);
      for (let row = 0; row < rows; row += 1) {
        target.set(values.subarray(row * columns, (row + 1) * columns), row * blocks * block);
      }
    }
    if (bits === 8) this.#wasm.quantise8(count, block);
    else this.#wasm.quantise4(count, block);
    return {
      data: new Uint8Array(buffer, this.#wasm.dataAddress(), (count * bits) / 8),
      scales: new Float32Array(buffer, this.#wasm.scalesAddress(), rows * blocks),
      zeros: new Uint8Array(buffer, this.#wasm.zerosAddress(), rows * blocks),
    };
  }
}

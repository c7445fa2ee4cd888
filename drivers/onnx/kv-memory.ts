import { ELEMENT_BYTES, type FloatElement } from "./graph/proto.ts";
import type { CudaDevice } from "./runtime/cudart.ts";
import type { OrtSession, Tensor } from "./runtime/session.ts";

/** Rows of elements that begin `stride` elements after each other. */
export interface RowShape {
  readonly rows: number;
  readonly stride: number;
  /** Elements of a row that count. */
  readonly length: number;
}

/** What makes tensors over memory. */
export type Tensors = Pick<OrtSession, "tensor" | "gpuTensor">;

/** Elements in a row, all zero at first. */
export interface KvPiece {
  /** A tensor over the elements from `start` on. */
  tensor(tensors: Tensors, start: number, shape: readonly number[]): Tensor;
  /** Copies rows to element `to` on from element `from` on; the two do not overlap. */
  copyRows(to: number, from: number, rows: RowShape): void;
  release(): void;
}

/** Where keys and values lie. */
export interface KvMemory {
  /** Throws Error where there is not as much. */
  piece(elements: number): KvPiece;
}

const product = (shape: readonly number[]) => shape.reduce((size, extent) => size * extent, 1);

/** Main memory, which the system gives for what is written only, page by page. */
export const mainMemory = (element: FloatElement): KvMemory => ({
  piece(elements) {
    const values = element === "f32" ? new Float32Array(elements) : new Uint16Array(elements);
    return {
      tensor: (tensors, start, shape) =>
        tensors.tensor(values.subarray(start, start + product(shape)), shape, element),
      copyRows(to, from, { rows, stride, length }) {
        for (let row = 0; row < rows; row += 1) {
          const start = from + row * stride;
          values.copyWithin(to + row * stride, start, start + length);
        }
      },
      release() {},
    };
  },
});

/** A GPU's memory. */
export const gpuMemory = (gpu: CudaDevice, element: FloatElement): KvMemory => {
  const width = ELEMENT_BYTES[element];
  return {
    piece(elements) {
      const begin = gpu.allocate(elements * width);
      const address = (at: number) => begin + BigInt(at * width);
      return {
        tensor: (tensors, start, shape) => tensors.gpuTensor(address(start), shape, element),
        copyRows: (to, from, { rows, stride, length }) =>
          gpu.copyRows(address(to), address(from), {
            rows,
            stride: stride * width,
            bytes: length * width,
          }),
        release: () => gpu.free(begin),
      };
    },
  };
};

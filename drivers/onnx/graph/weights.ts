import type { Weight } from "../../local/checkpoint/tensor.ts";
import { ELEMENT_BYTES, type ElementType, type FloatElement } from "./proto.ts";

/** Consecutive rows of a matrix in the checkpoint. */
export interface RowRun {
  readonly weight: Weight;
  readonly start: number;
  readonly count: number;
}

/** A matrix of the graph, `[rows, columns]` with a row for each output: which rows of which weights it is made of, in order. */
export interface MatrixSource {
  readonly name: string;
  readonly columns: number;
  readonly runs: readonly RowRun[];
}

/** A whole weight as a matrix. */
export function wholeMatrix(weight: Weight): MatrixSource {
  const [rows = 0, columns = 0] = weight.shape;
  return { name: weight.name, columns, runs: [{ weight, start: 0, count: rows }] };
}

/** How a matrix is kept. */
export type MatrixType =
  | { readonly kind: "dense"; readonly element: FloatElement }
  /** int8 with a scale for each output; activations are quantised as they come. */
  | { readonly kind: "int8" }
  /** Groups of `block` values of a row that share a scale and, of 4 bits, a zero. */
  | {
      readonly kind: "blocks";
      readonly bits: 4 | 8;
      readonly block: 32 | 64 | 128;
      readonly scales: FloatElement;
    };

/** One constant that a matrix becomes. */
export interface StoredPart {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** A matrix and the constants that it becomes, in the order in which they are written. */
export interface StoredMatrix {
  readonly source: MatrixSource;
  readonly type: MatrixType;
  readonly parts: readonly StoredPart[];
}

export const rowCount = ({ runs }: MatrixSource): number => runs.reduce((sum, { count }) => sum + count, 0);

export function storedMatrix(source: MatrixSource, type: MatrixType): StoredMatrix {
  return { source, type, parts: storedParts(source, type) };
}

function storedParts(source: MatrixSource, type: MatrixType): StoredPart[] {
  const { name, columns } = source;
  const rows = rowCount(source);
  switch (type.kind) {
    case "dense":
      return [part(name, type.element, [rows, columns])];
    case "int8":
      return [part(`${name}.int8`, "i8", [columns, rows]), part(`${name}.scale`, "f32", [rows])];
    case "blocks": {
      const { bits, block, scales } = type;
      const blocks = Math.ceil(columns / block);
      return [
        part(`${name}.int${bits}`, "u8", [rows, blocks, (block * bits) / 8]),
        part(`${name}.scale`, scales, [rows * blocks]),
        ...(bits === 4 ? [part(`${name}.zero`, "u8", [rows * Math.ceil(blocks / 2)])] : []),
      ];
    }
  }
}

function part(name: string, type: ElementType, shape: readonly number[]): StoredPart {
  return { name, type, shape, bytes: shape.reduce((size, extent) => size * extent, ELEMENT_BYTES[type]) };
}

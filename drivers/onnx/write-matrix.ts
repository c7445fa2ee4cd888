import { encodeFloats, NotRepresentable, requireFinite } from "../local/checkpoint/encode-floats.ts";
import type { DataFile } from "./data-file.ts";
import { ELEMENT_BYTES } from "./graph/proto.ts";
import { rowCount, type StoredMatrix } from "./graph/weights.ts";
import { type Rows, readRows } from "./matrix-reader.ts";
import { BlockQuantiser, type BlockType } from "./quantise.ts";

/** Where a constant lies in the data file. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

/** Called with the rows that are done, between chunks; may throw to stop. */
type Step = (rows: number) => void;

/** Writes the constants that a matrix becomes; returns their places in the order of its parts. */
export async function writeMatrix(file: DataFile, matrix: StoredMatrix, step: Step): Promise<Place[]> {
  switch (matrix.type.kind) {
    case "dense":
      return [await writeDense(file, matrix, matrix.type.element, step)];
    case "int8":
      return writeInt8(file, matrix, step);
    case "blocks":
      return writeBlocks(file, matrix, matrix.type, step);
  }
}

async function writeDense(
  file: DataFile,
  { source, parts }: StoredMatrix,
  element: "f32" | "f16" | "bf16",
  step: Step,
): Promise<Place> {
  const offset = await file.align();
  for await (const rows of readRows(source)) {
    await file.write(orFault(rows, () => encodeFloats(element, rows.values)));
    step(rows.count);
  }
  return { offset, length: parts[0]?.bytes ?? 0 };
}

async function writeBlocks(
  file: DataFile,
  { source, parts }: StoredMatrix,
  type: BlockType,
  step: Step,
): Promise<Place[]> {
  const { bits, block } = type;
  const blocks = Math.ceil(source.columns / block);
  const width = ELEMENT_BYTES[type.scales];
  const scales = new Uint8Array(rowCount(source) * blocks * width);
  const zeros = new Uint8Array(bits === 4 ? rowCount(source) * Math.ceil(blocks / 2) : 0);
  const quantiser = new BlockQuantiser(source.columns, type);
  const offset = await file.align();
  for await (const rows of readRows(source)) {
    const quantised = orFault(rows, () => quantiser.rows(rows.values));
    const encoded = orFault(rows, () => encodeFloats(type.scales, Float32Array.from(quantised.scales)));
    scales.set(encoded, rows.first * blocks * width);
    if (bits === 4) packZeros(quantised.zeros, zeros, { first: rows.first, blocks });
    await file.write(quantised.data);
    step(rows.count);
  }
  const places = [{ offset, length: parts[0]?.bytes ?? 0 }, await writeBytes(file, scales)];
  return bits === 4 ? [...places, await writeBytes(file, zeros)] : places;
}

/** Two zeros a byte, the first in the lower half; each row's begin at a byte of their own. */
function packZeros(
  from: Uint8Array,
  to: Uint8Array,
  { first, blocks }: { first: number; blocks: number },
): void {
  const width = Math.ceil(blocks / 2);
  for (const [index, zero] of from.entries()) {
    const at = (first + Math.floor(index / blocks)) * width + ((index % blocks) >> 1);
    to[at] = (to[at] ?? 0) | (zero << (4 * ((index % blocks) & 1)));
  }
}

/** `[columns, rows]`: DynamicQuantizeMatMul takes the matrix the other way round, so that it is collected first. */
async function writeInt8(file: DataFile, { source }: StoredMatrix, step: Step): Promise<Place[]> {
  const { columns } = source;
  const all = rowCount(source);
  const numbers = new Int8Array(columns * all);
  const scales = new Float32Array(all);
  for await (const { values, first, count, ...rows } of readRows(source)) {
    orFault(rows, () => requireFinite(values));
    for (let row = 0; row < count; row += 1) {
      const part = values.subarray(row * columns, (row + 1) * columns);
      const scale = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
      const inverse = scale === 0 ? 0 : 1 / scale;
      scales[first + row] = scale;
      for (let column = 0; column < columns; column += 1) {
        numbers[column * all + first + row] = Math.round((part[column] ?? 0) * inverse);
      }
    }
    step(count);
  }
  const offset = await file.align();
  await file.write(new Uint8Array(numbers.buffer));
  return [{ offset, length: numbers.byteLength }, await writeBytes(file, scales)];
}

async function writeBytes(
  file: DataFile,
  values: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
): Promise<Place> {
  const offset = await file.align();
  await file.write(new Uint8Array(values.buffer));
  return { offset, length: values.byteLength };
}

function orFault<T>({ faultOf }: Pick<Rows, "faultOf">, encode: () => T): T {
  try {
    return encode();
  } catch (error) {
    throw error instanceof NotRepresentable ? faultOf(error.message) : error;
  }
}

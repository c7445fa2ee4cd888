import type { OperatorError } from "../../src/errors.ts";
import { toFloat32 } from "../local/checkpoint/floats.ts";
import { tensorFault, WEIGHT_DTYPES, type Weight } from "../local/checkpoint/tensor.ts";
import type { MatrixSource } from "./graph/weights.ts";

/** Elements read at once: a few milliseconds of work between two turns of the event loop. */
const CHUNK = 1 << 20;

/** Whole rows of a matrix as float32. */
export interface Rows {
  /** `[count, columns]`; valid until the next rows are asked for. */
  readonly values: Float32Array<ArrayBuffer>;
  /** Number of the first row. */
  readonly first: number;
  readonly count: number;
  /** Tells which file and tensor they came from. */
  faultOf(problem: string): OperatorError;
}

/** A matrix from the checkpoint's files, some rows at a time, in the order of its runs. */
export async function* readRows({ runs, columns }: MatrixSource): AsyncGenerator<Rows, void, undefined> {
  const most = Math.max(1, Math.floor(CHUNK / columns));
  const values = new Float32Array(most * columns);
  const raw = new Uint8Array(most * columns * 4);
  let first = 0;
  let filled = 0;
  let last: Weight | undefined;
  const rows = (): Rows => ({
    values: values.subarray(0, filled * columns),
    first,
    count: filled,
    faultOf: (problem) => tensorFault(last?.file.path ?? "", last?.name ?? "", problem),
  });
  for (const { weight, start, count } of runs) {
    const width = WEIGHT_DTYPES[weight.dtype];
    for (let at = 0; at < count; ) {
      const taken = Math.min(count - at, most - filled);
      const bytes = raw.subarray(0, taken * columns * width);
      await weight.file.read(weight.offset + (start + at) * columns * width, bytes);
      toFloat32(weight.dtype, bytes, values.subarray(filled * columns, (filled + taken) * columns));
      last = weight;
      filled += taken;
      at += taken;
      if (filled < most) continue;
      yield rows();
      first += filled;
      filled = 0;
    }
  }
  if (filled > 0) yield rows();
}

/** A vector of the checkpoint as float32. */
export async function readVector(weight: Weight): Promise<Float32Array<ArrayBuffer>> {
  const count = weight.shape.reduce((size, extent) => size * extent, 1);
  const raw = new Uint8Array(count * WEIGHT_DTYPES[weight.dtype]);
  await weight.file.read(weight.offset, raw);
  const values = new Float32Array(count);
  toFloat32(weight.dtype, raw, values);
  return values;
}

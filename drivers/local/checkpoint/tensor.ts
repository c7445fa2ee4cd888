import { fault, type OpenFile } from "./files.ts";

/** Element types that weights may have; anything else can only be a buffer that is not read. */
export const WEIGHT_DTYPES = { F32: 4, F16: 2, BF16: 2 } as const;
export type WeightDtype = keyof typeof WEIGHT_DTYPES;

/** Where a file keeps one tensor; row-major and contiguous. */
export interface StoredTensor {
  readonly name: string;
  /** As safetensors spells it: F32, F16, BF16, BOOL, U8, I64 … */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly file: OpenFile;
  /** First byte in the file. */
  readonly offset: number;
  readonly bytes: number;
  /** Why it cannot be read (strides of a view, say); null where it can. A buffer that is skipped may have one. */
  readonly unreadable: string | null;
}

/** A tensor of the model itself, checked against the configuration. */
export interface Weight extends StoredTensor {
  readonly dtype: WeightDtype;
}

export const isWeightDtype = (dtype: string): dtype is WeightDtype => Object.hasOwn(WEIGHT_DTYPES, dtype);

export const tensorFault = (file: string, tensor: string, problem: string) =>
  fault(file, `tensor ${JSON.stringify(tensor)} ${problem}`);

/** Number of elements; undefined where it is beyond what a file can hold. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) return undefined;
    count *= extent;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/** Constants of the GGUF format, version 3; ggml/include/gguf.h and gguf-py of llama.cpp. */
export const MAGIC = 0x46554747; // "GGUF", little-endian
export const VERSION = 3;
export const DEFAULT_ALIGNMENT = 32;

/** Numbers of the metadata's value types. */
export const VALUE_TYPES = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

/** Element types that this house writes: number in the file, elements of a block and its bytes. */
export const TENSOR_TYPES = {
  f32: { id: 0, block: 1, bytes: 4 },
  f16: { id: 1, block: 1, bytes: 2 },
  bf16: { id: 30, block: 1, bytes: 2 },
  q8_0: { id: 8, block: 32, bytes: 34 },
  q4_0: { id: 2, block: 32, bytes: 18 },
} as const;
export type TensorType = keyof typeof TENSOR_TYPES;

/** `general.file_type` by the type of most matrices; llama.h, `llama_ftype`. */
export const FILE_TYPES: Readonly<Record<TensorType, number>> = {
  f32: 0,
  f16: 1,
  q4_0: 2,
  q8_0: 7,
  bf16: 32,
};

/** A metadata value to write, with its type. */
export type TypedValue =
  | { readonly type: "uint32" | "int32" | "float32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "int32s"; readonly value: readonly number[] };

export interface TensorInfo {
  readonly name: string;
  /** Fastest axis first, as ggml counts. */
  readonly dimensions: readonly number[];
  readonly type: TensorType;
}

/** Bytes of a tensor's data, without padding. */
export function tensorBytes({ dimensions, type }: TensorInfo): number {
  const { block, bytes } = TENSOR_TYPES[type];
  return (dimensions.reduce((a, b) => a * b, 1) / block) * bytes;
}

export const padTo = (alignment: number, length: number): number => Math.ceil(length / alignment) * alignment;

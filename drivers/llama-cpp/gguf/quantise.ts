import { encodeFloats, overflow, requireFinite } from "../../local/checkpoint/encode-floats.ts";
import { halfOf } from "../../local/checkpoint/floats.ts";
import { TENSOR_TYPES, type TensorType } from "./format.ts";

/**
 * Encodes float32 values, a whole number of blocks, as ggml's reference code does, bit for bit (ggml-quants.c,
 * quantize_row_q8_0_ref and quantize_row_q4_0_ref). Throws NotRepresentable for infinities, NaN and what the type cannot hold.
 */
export function encode(type: TensorType, values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  switch (type) {
    case "f32":
    case "f16":
    case "bf16":
      return encodeFloats(type, values);
    case "q8_0":
      return encodeQ8(values, requireFinite(values));
    case "q4_0":
      requireFinite(values);
      return encodeQ4(values);
  }
}

const scratch = new Float32Array(1);
const scratchWord = new Int32Array(scratch.buffer);

/** Puts the float16 scale of a block. */
function putScale(target: Uint8Array, at: number, scale: number): void {
  scratch[0] = scale;
  const half = halfOf(scratchWord[0] ?? 0);
  if ((half & 0x7fff) === 0x7c00) throw overflow("a float16 scale");
  target[at] = half & 0xff;
  target[at + 1] = half >> 8;
}

function encodeQ8(values: Float32Array, words: Int32Array): Uint8Array<ArrayBuffer> {
  const { block, bytes } = TENSOR_TYPES.q8_0;
  const blocks = values.length / block;
  const target = new Uint8Array(blocks * bytes);
  for (let b = 0; b < blocks; b++) {
    const from = b * block;
    let largest = 0;
    for (let i = from; i < from + block; i++) {
      const size = Math.abs(values[i] ?? 0);
      if (size > largest) largest = size;
    }
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const at = b * bytes;
    putScale(target, at, scale);
    for (let i = 0; i < block; i++) {
      // C's roundf, halves away from zero; the sign goes apart, for a branch on it would be mispredicted half the time.
      const size = (Math.abs(Math.fround((values[from + i] ?? 0) * inverse)) + 0.5) | 0;
      const sign = (words[from + i] ?? 0) >> 31;
      target[at + 2 + i] = (size ^ sign) - sign;
    }
  }
  return target;
}

function encodeQ4(values: Float32Array): Uint8Array<ArrayBuffer> {
  const { block, bytes } = TENSOR_TYPES.q4_0;
  const half = block / 2;
  const blocks = values.length / block;
  const target = new Uint8Array(blocks * bytes);
  for (let b = 0; b < blocks; b++) {
    const from = b * block;
    let largest = 0;
    let signed = 0;
    for (let i = from; i < from + block; i++) {
      const value = values[i] ?? 0;
      if (Math.abs(value) > largest) {
        largest = Math.abs(value);
        signed = value;
      }
    }
    const scale = signed / -8;
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const at = b * bytes;
    putScale(target, at, scale);
    for (let i = 0; i < half; i++) {
      const low = nibble(values[from + i] ?? 0, inverse);
      const high = nibble(values[from + half + i] ?? 0, inverse);
      target[at + 2 + i] = low | (high << 4);
    }
  }
  return target;
}

const nibble = (value: number, inverse: number): number =>
  Math.min(15, Math.trunc(Math.fround(Math.fround(value * inverse) + 8.5)));

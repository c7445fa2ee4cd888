import type { WeightDtype } from "./tensor.ts";

/** float32 value of each of the 65,536 float16 patterns. */
const halfValues = /* @__PURE__ */ (() => {
  const values = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) values[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) values[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else values[bits] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return values;
})();

/** Writes the little-endian elements in `source`, which starts at a multiple of four in its buffer, as float32. */
export function toFloat32(dtype: WeightDtype, source: Uint8Array, target: Float32Array): void {
  if (dtype === "F32") {
    target.set(new Float32Array(source.buffer, source.byteOffset, target.length));
    return;
  }
  const halves = new Uint16Array(source.buffer, source.byteOffset, target.length);
  if (dtype === "F16") {
    for (let i = 0; i < halves.length; i++) target[i] = halfValues[halves[i] ?? 0] ?? 0;
    return;
  }
  const words = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < halves.length; i++) words[i] = (halves[i] ?? 0) << 16;
}

/** float16 pattern nearest to a float32 pattern, ties to even, as IEEE 754 rounds. */
export function halfOf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  // Below 2^-14: a multiple of 2^-24.
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const kept = mantissa >>> shift;
  const rest = mantissa - (kept << shift);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** bfloat16 pattern nearest to the pattern of a float32 that is not NaN, ties to even. */
export function bfloatOf(word: number): number {
  const magnitude = word & 0x7fffffff;
  return ((word >>> 16) & 0x8000) | ((magnitude + 0x7fff + ((magnitude >>> 16) & 1)) >>> 16);
}

import { bfloatOf, halfOf } from "./floats.ts";

/** Why values cannot be written in a type. */
export class NotRepresentable extends Error {
  override readonly name = "NotRepresentable";
}

/** The values' bits. Throws NotRepresentable where one is infinite or NaN. */
export function requireFinite(values: Float32Array<ArrayBuffer>): Int32Array {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    if (((words[i] ?? 0) & 0x7f800000) === 0x7f800000) throw new NotRepresentable("holds an infinity or NaN");
  }
  return words;
}

export const overflow = (type: string) =>
  new NotRepresentable(`holds a value too large for ${type}; convert to f32 or bf16 instead`);

/** Little-endian elements of a type; of float32 the values' own bytes. Throws NotRepresentable. */
export function encodeFloats(
  type: "f32" | "f16" | "bf16",
  values: Float32Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const words = requireFinite(values);
  switch (type) {
    case "f32":
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case "f16":
      return sixteenBit(words, halfOf, 0x7c00);
    case "bf16":
      return sixteenBit(words, bfloatOf, 0x7f80);
  }
}

function sixteenBit(
  words: Int32Array,
  convert: (word: number) => number,
  infinity: number,
): Uint8Array<ArrayBuffer> {
  const halves = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) {
    const half = convert(words[i] ?? 0);
    if ((half & 0x7fff) === infinity) throw overflow("16 bits");
    halves[i] = half;
  }
  return new Uint8Array(halves.buffer);
}

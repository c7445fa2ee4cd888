import { expect, test } from "vitest";
import { encode } from "../../../drivers/llama-cpp/gguf/quantise.ts";
import { NotRepresentable } from "../../../drivers/local/checkpoint/encode-floats.ts";
import { bfloatOf, halfOf, toFloat32 } from "../../../drivers/local/checkpoint/floats.ts";

/** Four blocks: mixed signs, zeros, halves that must be rounded away from zero, and tiny negatives. */
const VALUES = Float32Array.from([
  ...Array.from({ length: 32 }, (_, i) => (((i * 37) % 101) - 50) / 7),
  ...new Array<number>(32).fill(0),
  127,
  ...Array.from({ length: 31 }, (_, i) => i - 15.5),
  ...Array.from({ length: 32 }, (_, i) => -1e-6 * (i + 1)),
]);

// What quantize() of llama.cpp's gguf-py gives for VALUES.
const REFERENCE = {
  q8_0:
    "332b81df3d9af856b41270cd2b89e745a2005ebb1977d53390ee4caa0866c3217fdc" +
    "00000000000000000000000000000000000000000000000000000000000000000000" +
    "003c7ff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0102030405060708090a0b0c0d0e0f" +
    "0400fcf8f4f0ece8e4e0dcd8d4d0ccc8c4c1bdb9b5b1ada9a5a19d9995918d898581",
  q4_0:
    "253be046acf258bd1379df358be046acf268" +
    "008088888888888888888888888888888888" +
    "f0cb80898989898989898978787878787878" +
    "430048483737373726262626151515150404",
} as const;

test.for(["q8_0", "q4_0"] as const)("%s equals ggml's reference, bit for bit", (type) => {
  expect(Buffer.from(encode(type, VALUES)).toString("hex")).toBe(REFERENCE[type]);
});

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);
const wordOf = (value: number): number => {
  float[0] = value;
  return word[0] ?? 0;
};

test("every float16 survives the way through float32, and what lies between goes to the nearest, ties to even", () => {
  const halves = Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits);
  const floats = new Float32Array(halves.length);
  toFloat32("F16", new Uint8Array(halves.buffer), floats);
  const wrong: number[] = [];
  for (let bits = 0; bits + 1 < halves.length; bits++) {
    const [low = 0, high = 0] = [floats[bits], floats[bits + 1]];
    const middle = (low + high) / 2;
    const right =
      halfOf(wordOf(low)) === bits &&
      halfOf(wordOf(-low)) === (bits | 0x8000) &&
      halfOf(wordOf(middle)) === bits + (bits & 1) &&
      halfOf(wordOf(middle) - 1) === bits &&
      halfOf(wordOf(middle) + 1) === bits + 1;
    if (!right) wrong.push(bits);
  }
  expect(wrong).toEqual([]);
});

test("bfloat16 rounds to the nearest, ties to even", () => {
  expect([0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff].map(bfloatOf)).toEqual([
    0x3f80, 0x3f82, 0x3f81, 0x3f80,
  ]);
});

test.for([
  ["f32", Number.NaN],
  ["f16", Number.POSITIVE_INFINITY],
  ["f16", 65520],
  ["bf16", 3.4e38],
  ["q8_0", 127 * 65520],
  ["q4_0", -8 * 65520],
] as const)("%s refuses %d", ([type, value]) => {
  expect(() => encode(type, new Float32Array(32).fill(value))).toThrow(NotRepresentable);
});

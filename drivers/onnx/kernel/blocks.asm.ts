/**
 * Quantises groups of float32 values that share a scale, in WebAssembly with its 128-bit vectors. This file is
 * AssemblyScript, a dialect of TypeScript; `npm run generate` compiles it into blocks.wasm.ts. A value becomes a whole
 * number between -zero and 2^bits - 1 - zero times the scale of its group. The module's memory holds, one after the other:
 *
 *   values  f32[count]          written by the caller
 *   data    u8[count]           the numbers plus zero, packed: of 4 bits the first value of a pair is the lower half
 *   scales  f32[count / block]
 *   zeros   u8[count / block]
 */

/** Where the end of the range lies, in parts of the largest value; 1 is rounding to the nearest of an even grid. */
const STRETCHES: StaticArray<f32> = [1, 0.95, 0.9, 0.85, 0.79, 1.06];

let values: usize = 0;
let data: usize = 0;
let scales: usize = 0;
let zeros: usize = 0;

/** Sets up the memory for so many values, a multiple of 16 and of the block; returns the values' address. */
export function init(count: i32, block: i32): usize {
  values = (__heap_base + 15) & ~15;
  data = values + 4 * count;
  scales = data + count;
  zeros = scales + 4 * (count / block);
  const end = zeros + count / block;
  const pages = <i32>((end + 0xffff) >>> 16);
  if (pages > memory.size()) memory.grow(pages - memory.size());
  return values;
}

export function dataAddress(): usize {
  return data;
}

export function scalesAddress(): usize {
  return scales;
}

export function zerosAddress(): usize {
  return zeros;
}

/** 8 bits around a zero of 128: the largest value decides the scale. */
export function quantise8(count: i32, block: i32): void {
  const zero = i32x4.splat(128);
  for (let group = 0; group * block < count; group++) {
    const from = values + 4 * group * block;
    const scale = max<f32>(-least(from, block), most(from, block)) / 127;
    const inverse = f32x4.splat(scale == 0 ? 0 : 1 / scale);
    store<f32>(scales + 4 * group, scale);
    store<u8>(zeros + group, 128);
    const to = data + group * block;
    for (let at = 0; at < block; at += 4) {
      const number = f32x4.nearest(f32x4.mul(v128.load(from + 4 * at), inverse));
      const shifted = i32x4.add(i32x4.trunc_sat_f32x4_s(number), zero);
      store<u8>(to + at, i32x4.extract_lane(shifted, 0));
      store<u8>(to + at + 1, i32x4.extract_lane(shifted, 1));
      store<u8>(to + at + 2, i32x4.extract_lane(shifted, 2));
      store<u8>(to + at + 3, i32x4.extract_lane(shifted, 3));
    }
  }
}

/**
 * 4 bits: the scale and the zero of least squared error among those near the grids that just span the values; for
 * each, the numbers decide the best scale once more.
 */
export function quantise4(count: i32, block: i32): void {
  for (let group = 0; group * block < count; group++) {
    const from = values + 4 * group * block;
    const low = min<f32>(0, least(from, block));
    const high = max<f32>(0, most(from, block));
    best = 0;
    bestInverse = 0;
    bestZero = 8;
    bestScale = 0;
    const span = high - low;
    if (span > 0) {
      const centre = <i32>nearest<f32>((-low / span) * 15);
      for (let zero = max(0, centre - 1); zero <= min(15, centre + 1); zero++) {
        for (let index = 0; index < STRETCHES.length; index++) {
          tryGrid(from, block, 15 / (span * unchecked(STRETCHES[index])), zero);
        }
      }
      // Around 8 the larger side gets the end that reaches further, -8: then the scale is negative where that is the upper.
      const largest = high > -low ? high : low;
      for (let index = 0; index < STRETCHES.length; index++) {
        tryGrid(from, block, -8 / (largest * unchecked(STRETCHES[index])), 8);
      }
    }
    store<f32>(scales + 4 * group, bestScale);
    store<u8>(zeros + group, bestZero);
    pack(from, data + (group * block) / 2, block);
  }
}

let best: f32 = 0;
let bestInverse: f32 = 0;
let bestZero: i32 = 8;
let bestScale: f32 = 0;

/** Keeps a grid where it is the best so far: its squared error is that of zeros less products^2 / squares. */
function tryGrid(from: usize, block: i32, inverse: f32, zero: i32): void {
  const factor = f32x4.splat(inverse);
  const low = f32x4.splat(<f32>-zero);
  const high = f32x4.splat(<f32>15 - <f32>zero);
  let products = f32x4.splat(0);
  let squares = f32x4.splat(0);
  for (let at: usize = from; at < from + 4 * block; at += 16) {
    const value = v128.load(at);
    const number = f32x4.pmin(high, f32x4.pmax(low, f32x4.nearest(f32x4.mul(value, factor))));
    products = f32x4.add(products, f32x4.mul(value, number));
    squares = f32x4.add(squares, f32x4.mul(number, number));
  }
  const product = sum(products);
  const square = sum(squares);
  if (square == 0) return;
  const gain = (product * product) / square;
  if (gain <= best) return;
  best = gain;
  bestInverse = inverse;
  bestZero = zero;
  bestScale = product / square;
}

function pack(from: usize, to: usize, block: i32): void {
  const factor = f32x4.splat(bestInverse);
  const low = f32x4.splat(<f32>-bestZero);
  const high = f32x4.splat(<f32>15 - <f32>bestZero);
  const zero = i32x4.splat(bestZero);
  for (let at = 0; at < block; at += 4) {
    const scaled = f32x4.mul(v128.load(from + 4 * at), factor);
    const number = f32x4.pmin(high, f32x4.pmax(low, f32x4.nearest(scaled)));
    const shifted = i32x4.add(i32x4.trunc_sat_f32x4_s(number), zero);
    const first = i32x4.extract_lane(shifted, 0) | (i32x4.extract_lane(shifted, 1) << 4);
    const second = i32x4.extract_lane(shifted, 2) | (i32x4.extract_lane(shifted, 3) << 4);
    store<u16>(to + at / 2, first | (second << 8));
  }
}

function least(from: usize, block: i32): f32 {
  let found = v128.load(from);
  for (let at = from + 16; at < from + 4 * block; at += 16) found = f32x4.pmin(found, v128.load(at));
  return min(
    min(f32x4.extract_lane(found, 0), f32x4.extract_lane(found, 1)),
    min(f32x4.extract_lane(found, 2), f32x4.extract_lane(found, 3)),
  );
}

function most(from: usize, block: i32): f32 {
  let found = v128.load(from);
  for (let at = from + 16; at < from + 4 * block; at += 16) found = f32x4.pmax(found, v128.load(at));
  return max(
    max(f32x4.extract_lane(found, 0), f32x4.extract_lane(found, 1)),
    max(f32x4.extract_lane(found, 2), f32x4.extract_lane(found, 3)),
  );
}

function sum(vector: v128): f32 {
  return (
    f32x4.extract_lane(vector, 0) +
    f32x4.extract_lane(vector, 1) +
    f32x4.extract_lane(vector, 2) +
    f32x4.extract_lane(vector, 3)
  );
}

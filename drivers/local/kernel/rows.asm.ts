/**
 * What is computed over a whole row of logits, in WebAssembly with its 128-bit vectors: about a fifth of the time that
 * the same loops take in JavaScript. This file is AssemblyScript, a dialect of TypeScript; `npm run generate` compiles it
 * into rows.wasm.ts. The module's memory holds, one after the other, for a vocabulary of n tokens (n rounded up to a
 * multiple of 4; the rest of the row is filled with -Infinity):
 *
 *   row      f32[n]     logits, written by the caller
 *   weights  f32[n]     unnormalised probabilities by token id
 *   buckets  u16[n]     which bucket a token is in
 *   ids      i32[n]     scratch, and the candidates
 *   mass     f64[2048]  sum of the weights in each bucket
 *   allowed  u32[n/32]  a bit for each token, set where it may be drawn; written by the caller
 *
 * Buckets are 1/64 nat wide and count from the best token down; the last one takes all that is further away. So the cut
 * of top_p goes through one bucket, and only within that one are tokens put in order.
 */

const BUCKETS: i32 = 2048;
const BUCKETS_PER_NAT: f32 = 64;
/** exp(-87) is about the smallest normal f32; what is further away weighs nothing. */
const NEGLIGIBLE: f32 = -87;
/** So many of the best tokens are found quicker by keeping a list than by putting the row in order. */
const FEW: i32 = 128;

let n: i32 = 0;
let row: usize = 0;
let weights: usize = 0;
let buckets: usize = 0;
let ids: usize = 0;
let mass: usize = 0;
let allowed: usize = 0;

/** Sets up the memory for n tokens, a multiple of 4; returns the row's address. */
export function init(size: i32): usize {
  n = size;
  row = (__heap_base + 15) & ~15;
  weights = row + 4 * n;
  ids = weights + 4 * n;
  mass = ids + 4 * n;
  buckets = mass + 8 * BUCKETS;
  // The last buckets are read eight at a time.
  allowed = (buckets + 2 * n + 16 + 3) & ~3;
  const end = allowed + 4 * ((n + 31) >>> 5);
  const pages = <i32>((end + 0xffff) >>> 16);
  if (pages > memory.size()) memory.grow(pages - memory.size());
  return row;
}

export function weightsAddress(): usize {
  return weights;
}

export function idsAddress(): usize {
  return ids;
}

export function allowedAddress(): usize {
  return allowed;
}

/** Takes away, as -Infinity, the logits of all tokens that are not allowed. */
export function restrict(): void {
  const never = f32x4.splat(-Infinity);
  const lanes = i32x4(1, 2, 4, 8);
  for (let first = 0; first < n; first += 32) {
    const bits = load<u32>(allowed + (first >>> 3));
    if (bits == 0xffffffff) continue;
    const last = min(first + 32, n);
    for (let id = first; id < last; id += 4) {
      const at = row + 4 * id;
      const may = i32x4.ne(v128.and(i32x4.splat((bits >>> (id - first)) & 15), lanes), i32x4.splat(0));
      v128.store(at, v128.bitselect(v128.load(at), never, may));
    }
  }
}

/** The largest logit; NaN where one is NaN. */
export function largest(): f32 {
  let most = v128.load(row);
  let numbers = f32x4.eq(most, most);
  for (let at: usize = row + 16; at < row + 4 * n; at += 16) {
    const logits = v128.load(at);
    // Only NaN differs from itself; that and `pmax` take an instruction each where `max` takes many.
    numbers = v128.and(numbers, f32x4.eq(logits, logits));
    most = f32x4.pmax(most, logits);
  }
  if (i32x4.bitmask(numbers) != 15) return NaN;
  return max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
}

/** The first token that has this logit. */
export function find(logit: f32): i32 {
  const wanted = f32x4.splat(logit);
  for (let id = 0; id < n; id += 4) {
    const equal = i32x4.bitmask(f32x4.eq(v128.load(row + 4 * id), wanted));
    if (equal != 0) return id + ctz(equal);
  }
  return -1;
}

/**
 * exp(x) for -87 <= x <= 0, to a relative error of about 1e-7: the polynomial of Cephes' expf (S. Moshier) on what is
 * left after whole powers of two.
 */
// @ts-expect-error: decorator
@inline
function exp4(x: v128): v128 {
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits.
  const rounded = f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504088896341)), f32x4.splat(12582912));
  const power = f32x4.sub(rounded, f32x4.splat(12582912));
  x = f32x4.sub(x, f32x4.mul(power, f32x4.splat(0.693359375)));
  x = f32x4.sub(x, f32x4.mul(power, f32x4.splat(-2.12194440e-4)));
  let y = f32x4.splat(1.9875691500e-4);
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(1.3981999507e-3));
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(8.3334519073e-3));
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(4.1665795894e-2));
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(1.6666665459e-1));
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(5.0000001201e-1));
  y = f32x4.add(f32x4.mul(f32x4.mul(y, x), x), f32x4.add(x, f32x4.splat(1)));
  const exponent = i32x4.add(i32x4.shl(rounded, 23), i32x4.splat(0x3f800000));
  return f32x4.mul(y, exponent);
}

/** Sum of exp(logit - most) over the row, in double precision. */
export function partition(most: f32): f64 {
  const best = f32x4.splat(most);
  const least = f32x4.splat(NEGLIGIBLE);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let at: usize = row; at < row + 4 * n; at += 16) {
    const x = f32x4.sub(v128.load(at), best);
    const weight = v128.and(exp4(f32x4.pmax(x, least)), f32x4.ge(x, least));
    low = f64x2.add(low, f64x2.promote_low_f32x4(weight));
    high = f64x2.add(high, f64x2.promote_low_f32x4(i8x16.shuffle(weight, weight, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)));
  }
  const sum = f64x2.add(low, high);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** weight = exp((logit - most) / temperature), 0 below the logit `floor`, and the buckets with their mass. */
function weigh(most: f32, temperature: f32, floor: f32): void {
  memory.fill(mass, 0, 8 * BUCKETS);
  const lowest = f32x4.splat(floor);
  const best = f32x4.splat(most);
  const scale = f32x4.splat(1 / temperature);
  const least = f32x4.splat(NEGLIGIBLE);
  const perNat = f32x4.splat(-BUCKETS_PER_NAT);
  const lastBucket = f32x4.splat(<f32>(BUCKETS - 1));
  for (let id = 0; id < n; id += 4) {
    const logits = v128.load(row + 4 * id);
    const x = f32x4.mul(f32x4.sub(logits, best), scale);
    const kept = v128.and(f32x4.ge(x, least), f32x4.ge(logits, lowest));
    const weight = v128.and(exp4(f32x4.pmax(x, least)), kept);
    v128.store(weights + 4 * id, weight);
    // Adding 2^23 leaves the rounded number in the lowest bits.
    const bucket = f32x4.add(f32x4.pmin(f32x4.mul(x, perNat), lastBucket), f32x4.splat(8388608));
    put(id, i32x4.extract_lane(bucket, 0) & 0xffff, f32x4.extract_lane(weight, 0));
    put(id + 1, i32x4.extract_lane(bucket, 1) & 0xffff, f32x4.extract_lane(weight, 1));
    put(id + 2, i32x4.extract_lane(bucket, 2) & 0xffff, f32x4.extract_lane(weight, 2));
    put(id + 3, i32x4.extract_lane(bucket, 3) & 0xffff, f32x4.extract_lane(weight, 3));
  }
}

// @ts-ignore: decorator
@inline
function put(id: i32, bucket: i32, weight: f32): void {
  store<u16>(buckets + 2 * id, <u16>bucket);
  const total = mass + 8 * bucket;
  store<f64>(total, load<f64>(total) + <f64>weight);
}

/** What the last call of `candidates` left: their total weight. */
let total: f64 = 0;
export function totalWeight(): f64 {
  return total;
}

/**
 * Weighs the row and takes candidates away: top_k (0: none), then top_p (1: none), then min_p (0: none). Leaves the
 * candidates' ids in `ids`, ascending, and returns how many there are.
 */
export function candidates(most: f32, temperature: f32, topK: i32, topP: f64, minP: f32): i32 {
  weigh(most, temperature, topK > 0 && topK < n ? largestAt(topK) : -Infinity);
  return gather(topP < 1 ? keepTopP(topP) : BUCKETS - 1, minP);
}

/** Candidates are what weighs something, in buckets up to the last; the best one weighs 1, which min_p goes by. */
function gather(last: i32, minP: f32): i32 {
  let kept = 0;
  total = 0;
  const limit = max(minP, f32.MIN_VALUE);
  const limits = f32x4.splat(limit);
  for (let id = 0; id < n; id += 4) {
    let possible = i32x4.bitmask(f32x4.ge(v128.load(weights + 4 * id), limits));
    while (possible != 0) {
      const one = id + ctz(possible);
      possible &= possible - 1;
      if (<i32>load<u16>(buckets + 2 * one) > last) continue;
      store<i32>(ids + 4 * kept, one);
      kept += 1;
      total += <f64>load<f32>(weights + 4 * one);
    }
  }
  return kept;
}

/** The k-th largest logit: what ties with it is kept with it. */
function largestAt(k: i32): f32 {
  if (k <= FEW) {
    top(k);
    return logitOf(k - 1);
  }
  for (let id = 0; id < n; id += 1) store<i32>(ids + 4 * id, id);
  let from = 0;
  let to = n;
  while (from < to) {
    const place = split(from, to);
    if (place == k - 1) break;
    if (k - 1 < place) to = place;
    else from = place + 1;
  }
  return logitOf(k - 1);
}

/** Keeps a candidate as long as what is likelier than it has less than `p` of the probability. */
function keepTopP(p: f64): i32 {
  let all: f64 = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) all += load<f64>(mass + 8 * bucket);
  const enough = p * all;
  let bucket = 0;
  let above: f64 = 0;
  while (bucket < BUCKETS - 1 && above + load<f64>(mass + 8 * bucket) < enough) {
    above += load<f64>(mass + 8 * bucket);
    bucket += 1;
  }
  // What is likelier than ids[from] weighs `above`, and what ids[to] and all behind it are is dropped.
  let from = 0;
  let to = collect(bucket);
  while (from < to) {
    const place = split(from, to);
    let before = above;
    for (let at = from; at < place; at += 1) before += weightOf(at);
    if (before >= enough) {
      for (let at = place; at < to; at += 1) store<f32>(weights + 4 * load<i32>(ids + 4 * at), 0);
      to = place;
    } else {
      above = before + weightOf(place);
      from = place + 1;
    }
  }
  return bucket;
}

// @ts-ignore: decorator
@inline
function logitOf(at: i32): f32 {
  return load<f32>(row + 4 * load<i32>(ids + 4 * at));
}

// @ts-ignore: decorator
@inline
function weightOf(at: i32): f64 {
  return <f64>load<f32>(weights + 4 * load<i32>(ids + 4 * at));
}

/** Fills `ids` with the bucket's tokens and returns how many they are. */
function collect(bucket: i32): i32 {
  let size = 0;
  const wanted = i16x8.splat(<i16>bucket);
  for (let id = 0; id < n; id += 8) {
    let found = i16x8.bitmask(i16x8.eq(v128.load(buckets + 2 * id), wanted));
    if (n - id < 8) found &= (1 << (n - id)) - 1;
    while (found != 0) {
      store<i32>(ids + 4 * size, id + ctz(found));
      found &= found - 1;
      size += 1;
    }
  }
  return size;
}

/** Whether a token stands before another: it is likelier, or of equals the higher id. */
// @ts-ignore: decorator
@inline
function stands(one: i32, before: i32): bool {
  const logit = load<f32>(row + 4 * one);
  const other = load<f32>(row + 4 * before);
  return logit > other || (logit == other && one > before);
}

/** A step of quickselect: puts one of ids[from..to) in its place among them, and the others on their side of it. */
function split(from: i32, to: i32): i32 {
  const last = to - 1;
  const middle = (from + to) >>> 1;
  // The middle one of three as the pivot, moved to the end.
  if (stands(load<i32>(ids + 4 * last), load<i32>(ids + 4 * from))) swap(from, last);
  if (stands(load<i32>(ids + 4 * middle), load<i32>(ids + 4 * last))) {
    swap(middle, last);
    if (stands(load<i32>(ids + 4 * last), load<i32>(ids + 4 * from))) swap(from, last);
  }
  const pivot = load<i32>(ids + 4 * last);
  let place = from;
  for (let at = from; at < last; at += 1) {
    if (!stands(load<i32>(ids + 4 * at), pivot)) continue;
    swap(at, place);
    place += 1;
  }
  swap(place, last);
  return place;
}

// @ts-ignore: decorator
@inline
function swap(one: i32, other: i32): void {
  const id = load<i32>(ids + 4 * one);
  store<i32>(ids + 4 * one, load<i32>(ids + 4 * other));
  store<i32>(ids + 4 * other, id);
}

/** The candidate that is reached when the candidates' weights are added up to `target`. */
export function draw(size: i32, target: f64): i32 {
  let sum: f64 = 0;
  for (let rank = 0; rank < size; rank += 1) {
    const id = load<i32>(ids + 4 * rank);
    sum += <f64>load<f32>(weights + 4 * id);
    if (sum > target) return id;
  }
  return load<i32>(ids + 4 * (size - 1));
}

/** Leaves the ids of the k largest logits in `ids`, largest first and of equals the lower id first; 1 <= k <= n. */
export function top(k: i32): void {
  let size = 0;
  let threshold: f32 = -Infinity;
  for (let id = 0; id < n; id += 4) {
    let better = size < k ? 15 : i32x4.bitmask(f32x4.gt(v128.load(row + 4 * id), f32x4.splat(threshold)));
    while (better != 0) {
      const one = id + ctz(better);
      better &= better - 1;
      const logit = load<f32>(row + 4 * one);
      if (size == k && logit <= threshold) continue;
      let to = size < k ? size : k - 1;
      for (; to > 0; to -= 1) {
        const other = load<i32>(ids + 4 * (to - 1));
        if (load<f32>(row + 4 * other) >= logit) break;
        store<i32>(ids + 4 * to, other);
      }
      store<i32>(ids + 4 * to, one);
      if (size < k) size += 1;
      threshold = load<f32>(row + 4 * load<i32>(ids + 4 * (size - 1)));
    }
  }
}

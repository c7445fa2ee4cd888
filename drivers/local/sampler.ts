import type { Sampling } from "../../src/core/generation.ts";
import { expMinus } from "./exponential.ts";

/**
 * From a row of logits to the next token, in the order of Hugging Face's generation:
 *
 *   1. logit_bias and the penalties are added to the logits (OpenAI's formula);
 *   2. the logits are divided by the temperature;
 *   3. top_k, then top_p, then min_p take candidates away;
 *   4. a token is drawn from what is left, by its share of the probability.
 *
 * The vocabulary has 50,280 entries and its full sort would cost more than a small model's step, so candidates are
 * first counted into narrow buckets by their distance from the best one. Only the one bucket that a cut goes through
 * is ever sorted.
 */
export class Sampler {
  readonly #adjusted: Float32Array;
  readonly #weights: Float64Array;
  readonly #buckets: Uint16Array;
  readonly #mass = new Float64Array(BUCKETS);
  readonly #count = new Uint32Array(BUCKETS);
  /** Ids of one bucket, for sorting; then the ids of all candidates. */
  readonly #ids: Int32Array;

  /** One sampler serves all sequences of an engine: its arrays are scratch. */
  constructor(vocabularySize: number) {
    this.#adjusted = new Float32Array(vocabularySize);
    this.#weights = new Float64Array(vocabularySize);
    this.#buckets = new Uint16Array(vocabularySize);
    this.#ids = new Int32Array(vocabularySize);
  }

  /**
   * Draws the next token. `counts`: how often each token was generated before. `uniform`: a number in [0, 1), unused
   * at temperature 0. Throws where the logits are not numbers, as a broken model's may be.
   */
  sample(
    logits: Float32Array,
    sampling: Sampling,
    counts: ReadonlyMap<number, number>,
    uniform: () => number,
  ): number {
    const adjusted = this.#adjust(logits, sampling, counts);
    if (sampling.temperature === 0) return argmax(adjusted);
    const { count, total } = this.candidates(adjusted, sampling);
    return this.#draw(count, uniform() * total);
  }

  /** Step 1; the row itself stays as it is, for its log-probabilities. */
  #adjust(logits: Float32Array, sampling: Sampling, counts: ReadonlyMap<number, number>): Float32Array {
    const { logitBias, presencePenalty, frequencyPenalty } = sampling;
    if (logitBias.length === 0 && presencePenalty === 0 && frequencyPenalty === 0) return logits;
    this.#adjusted.set(logits);
    adjust(this.#adjusted, sampling, counts);
    return this.#adjusted;
  }

  /**
   * Steps 2 and 3 on adjusted logits. The first `count` entries of `ids` are the candidates; `weights`, by token id,
   * are their unnormalised probabilities, which sum to `total`. Both are scratch, valid until the next call.
   */
  candidates(
    logits: Float32Array,
    sampling: Sampling,
  ): { count: number; total: number; ids: Int32Array; weights: Float64Array } {
    const { topK, topP, minP } = sampling;
    this.#weigh(logits, sampling.temperature);
    let last = BUCKETS - 1;
    if (topK > 0 && topK < logits.length) last = this.#keepTopK(logits, topK);
    if (topP < 1) last = this.#keepTopP(logits, topP, last);
    const weights = this.#weights;
    const buckets = this.#buckets;
    const ids = this.#ids;
    let count = 0;
    let total = 0;
    for (let id = 0; id < logits.length; id += 1) {
      if ((buckets[id] ?? 0) > last) continue;
      const weight = weights[id] ?? 0;
      // The best candidate weighs 1, so `weight` is already its probability relative to the best.
      if (weight > 0 && weight >= minP) {
        ids[count] = id;
        count += 1;
        total += weight;
      }
    }
    return { count, total, ids, weights };
  }

  /** weight = exp((logit - best) / temperature), counted into buckets by the exponent. */
  #weigh(logits: Float32Array, temperature: number): void {
    const weights = this.#weights;
    const buckets = this.#buckets;
    const mass = this.#mass.fill(0);
    const count = this.#count.fill(0);
    const best = logits[argmax(logits)] ?? 0;
    for (let id = 0; id < logits.length; id += 1) {
      const distance = (best - (logits[id] ?? 0)) / temperature;
      const weight = distance < NEGLIGIBLE ? expMinus(distance) : 0;
      const bucket = distance < NEARLY_ALL ? (distance * BUCKETS_PER_NAT) | 0 : BUCKETS - 1;
      weights[id] = weight;
      buckets[id] = bucket;
      mass[bucket] = (mass[bucket] ?? 0) + weight;
      count[bucket] = (count[bucket] ?? 0) + 1;
    }
  }

  /** Keeps the k best and whatever ties with the last of them; returns the last bucket that has any of them. */
  #keepTopK(logits: Float32Array, k: number): number {
    let bucket = 0;
    let above = 0;
    while (bucket < BUCKETS - 1 && above + (this.#count[bucket] ?? 0) < k) {
      above += this.#count[bucket] ?? 0;
      bucket += 1;
    }
    const size = this.#sortBucket(logits, bucket);
    const threshold = logits[this.#ids[k - above - 1] ?? 0] ?? 0;
    for (let rank = k - above; rank < size; rank += 1) {
      const id = this.#ids[rank] ?? 0;
      if ((logits[id] ?? 0) < threshold) this.#drop(id, bucket);
    }
    return bucket;
  }

  /** Keeps a candidate as long as what is likelier than it has less than `p` of the probability. */
  #keepTopP(logits: Float32Array, p: number, last: number): number {
    let total = 0;
    for (let bucket = 0; bucket <= last; bucket += 1) total += this.#mass[bucket] ?? 0;
    const enough = p * total;
    let bucket = 0;
    let above = 0;
    while (bucket < last && above + (this.#mass[bucket] ?? 0) < enough) {
      above += this.#mass[bucket] ?? 0;
      bucket += 1;
    }
    const size = this.#sortBucket(logits, bucket);
    for (let rank = 0; rank < size; rank += 1) {
      const id = this.#ids[rank] ?? 0;
      const weight = this.#weights[id] ?? 0;
      if (above >= enough && above > 0) this.#drop(id, bucket);
      above += weight;
    }
    return bucket;
  }

  #drop(id: number, bucket: number): void {
    this.#mass[bucket] = (this.#mass[bucket] ?? 0) - (this.#weights[id] ?? 0);
    this.#weights[id] = 0;
  }

  /** Fills `ids` with the bucket's tokens, likeliest first and of equals the higher id, and returns how many. */
  #sortBucket(logits: Float32Array, bucket: number): number {
    const ids = this.#ids;
    let size = 0;
    for (let id = 0; id < logits.length; id += 1) {
      if (this.#buckets[id] === bucket) {
        ids[size] = id;
        size += 1;
      }
    }
    sortByLogit(ids, size, logits);
    return size;
  }

  #draw(count: number, target: number): number {
    let sum = 0;
    for (let index = 0; index < count; index += 1) {
      const id = this.#ids[index] ?? 0;
      sum += this.#weights[id] ?? 0;
      if (sum > target) return id;
    }
    return this.#ids[count - 1] ?? 0;
  }
}

/** A row of logits that no token can be drawn from, as a broken model gives. */
export class BadLogits extends Error {
  override readonly name = "BadLogits";
}

/** Buckets are 1/64 nat wide; the last one takes everything from `NEARLY_ALL` nats on. */
const BUCKETS_PER_NAT = 64;
const BUCKETS = 2048;
const NEARLY_ALL = (BUCKETS - 1) / BUCKETS_PER_NAT;
/** exp(-700) is about the smallest normal double. */
const NEGLIGIBLE = 700;

/**
 * logit += bias - count * frequency_penalty - (count > 0) * presence_penalty
 * (OpenAI's API guide, "Frequency and presence penalties"; only generated tokens count).
 */
export function adjust(logits: Float32Array, sampling: Sampling, counts: ReadonlyMap<number, number>): void {
  const { logitBias, presencePenalty, frequencyPenalty } = sampling;
  for (const [id, bias] of logitBias) logits[id] = (logits[id] ?? 0) + bias;
  if (presencePenalty === 0 && frequencyPenalty === 0) return;
  for (const [id, count] of counts) {
    logits[id] = (logits[id] ?? 0) - count * frequencyPenalty - presencePenalty;
  }
}

/** Index of the largest value, the first of equals. Throws BadLogits where no value is a finite number. */
export function argmax(logits: Float32Array): number {
  let best = 0;
  let value = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id += 1) {
    const logit = logits[id] ?? 0;
    if (logit > value) {
      value = logit;
      best = id;
    }
  }
  if (!Number.isFinite(value)) throw new BadLogits("the engine's logits are not finite numbers");
  return best;
}

/** Shell sort in place (gaps of Ciura, 2001): buckets are small, and nothing is allocated. */
function sortByLogit(ids: Int32Array, size: number, logits: Float32Array): void {
  for (const gap of [3947, 1750, 701, 301, 132, 57, 23, 10, 4, 1]) {
    for (let from = gap; from < size; from += 1) {
      const id = ids[from] ?? 0;
      const logit = logits[id] ?? 0;
      let to = from;
      for (; to >= gap; to -= gap) {
        const other = ids[to - gap] ?? 0;
        const otherLogit = logits[other] ?? 0;
        if (otherLogit > logit || (otherLogit === logit && other > id)) break;
        ids[to] = other;
      }
      ids[to] = id;
    }
  }
}

import { expMinus } from "./exponential.ts";

/** A token and its log-probability under the model's own distribution. */
export type ScoredId = readonly [id: number, logprob: number];

export interface Scores {
  /** Of the token that was asked for. */
  readonly logprob: number;
  /** The most likely tokens, best first. */
  readonly top: readonly ScoredId[];
}

/**
 * Scores one token of a row of raw logits: log softmax with the partition function summed in double precision, and the
 * `count` most likely tokens. The token's own number and its number among the best are the same.
 */
export function score(logits: Float32Array, token: number, count: number): Scores {
  const best = topLogits(logits, Math.max(count, 1));
  const max = logits[best[0] ?? 0] ?? 0;
  let sum = 0;
  for (let id = 0; id < logits.length; id += 1) sum += expMinus(max - (logits[id] ?? 0));
  const logPartition = max + Math.log(sum);
  const logprob = (id: number) => (logits[id] ?? 0) - logPartition;
  return { logprob: logprob(token), top: best.slice(0, count).map((id) => [id, logprob(id)]) };
}

/** Ids of the `count` largest logits, largest first; of equals the lower id first. */
function topLogits(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  let threshold = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id += 1) {
    const logit = logits[id] ?? 0;
    if (best.length === count && logit <= threshold) continue;
    let at = best.length;
    while (at > 0 && (logits[best[at - 1] ?? 0] ?? 0) < logit) at -= 1;
    best.splice(at, 0, id);
    if (best.length > count) best.pop();
    threshold = logits[best[best.length - 1] ?? 0] ?? 0;
  }
  return best;
}

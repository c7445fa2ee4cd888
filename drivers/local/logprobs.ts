import type { RowKernel } from "./kernel/row-kernel.ts";

/** A token and its log-probability under the model's own distribution. */
export type ScoredId = readonly [id: number, logprob: number];

export interface Scores {
  /** Of the token that was asked for. */
  readonly logprob: number;
  /** The most likely tokens, best first. */
  readonly top: readonly ScoredId[];
}

/**
 * Scores one token of a row of raw logits: log softmax over the whole vocabulary, and the `count` most likely tokens.
 * The token's own number and its number among the best are the same. Throws BadLogits.
 */
export function score(kernel: RowKernel, logits: Float32Array, token: number, count: number): Scores {
  kernel.load(logits);
  const logPartition = kernel.logPartition();
  const logprob = (id: number) => (kernel.row[id] ?? 0) - logPartition;
  const top: ScoredId[] = [];
  if (count > 0) {
    const found = kernel.top(count);
    for (let rank = 0; rank < found; rank += 1) {
      const id = kernel.ids[rank] ?? 0;
      top.push([id, logprob(id)]);
    }
  }
  return { logprob: logprob(token), top };
}

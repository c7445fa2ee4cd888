import type { Sampling } from "../../src/core/generation.ts";
import type { RowKernel } from "./kernel/row-kernel.ts";

/** Below this a temperature leaves nothing but the best token, and its reciprocal is no number any more. */
const COLDEST = 1e-6;

/**
 * From a row of logits to the next token, in the order of Hugging Face's generation:
 *
 *   0. tokens that a constraint forbids, or that may not end the answer yet, are taken away;
 *   1. the repetition penalty, then logit_bias and OpenAI's penalties change the logits;
 *   2. the logits are divided by the temperature;
 *   3. top_k, then top_p, then min_p take candidates away;
 *   4. a token is drawn from what is left, by its share of the probability.
 *
 * The vocabulary has 50,280 entries, and every token of every answer goes over all of them: the loops are in
 * kernel/rows.asm.ts. Weights are in single precision and their sums in double.
 */
export class Sampler {
  readonly #kernel: RowKernel;

  /** One sampler serves all sequences of an engine: the kernel's memory is scratch. */
  constructor(kernel: RowKernel) {
    this.#kernel = kernel;
  }

  /**
   * Draws the next token; the row itself stays as it is. `counts`: how often each token was generated before.
   * `uniform`: a number in [0, 1), unused at temperature 0. `restrict`: sets the bits of the tokens that may be drawn;
   * without it all may. `seen`: the tokens of the prompt and the answer, for the repetition penalty. Throws BadLogits.
   */
  sample(
    logits: Float32Array,
    sampling: Sampling,
    counts: ReadonlyMap<number, number>,
    uniform: () => number,
    restrict?: (allowed: Uint32Array) => void,
    seen?: ReadonlySet<number>,
  ): number {
    const kernel = this.#kernel;
    kernel.load(logits);
    if (restrict !== undefined) {
      restrict(kernel.allowed);
      kernel.restrict();
    }
    if (seen !== undefined) penalise(kernel.row, sampling.repetitionPenalty ?? 1, seen);
    adjust(kernel.row, sampling, counts);
    const { temperature, topK, topP, minP } = sampling;
    if (temperature < COLDEST) return kernel.find(kernel.largest());
    const { count, total } = kernel.candidates(temperature, topK, topP, minP);
    return kernel.draw(count, uniform() * total);
  }
}

/** logit / penalty where the logit is positive, logit * penalty where not. */
function penalise(logits: Float32Array, penalty: number, seen: ReadonlySet<number>): void {
  for (const id of seen) {
    const logit = logits[id] ?? 0;
    logits[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

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

/** Running streams may always pause this long, in milliseconds: few read faster than seven tokens a second. */
const SMOOTH_MS = 150;
/** No step takes much longer than this, so that arrivals and cancellations are soon seen. */
const LONGEST_STEP_MS = 2000;
/** Fewer prompt tokens a step are not worth its fixed cost. */
const LEAST_CHUNK = 8;
/** Weight of the newest measurement in a running average. */
const NEWEST = 0.25;
/** Where a step aims below its limit: durations vary. */
const AIM = 0.9;

/** What a step computed, and how long it took. */
export interface StepTime {
  readonly ms: number;
  readonly decoding: number;
  /** Sequences whose prompts were not done. */
  readonly prompts: number;
  readonly promptTokens: number;
}

/**
 * How many prompt tokens a step may take. While answers are running, as many as keep their next token from coming
 * later than twice the usual gap (or SMOOTH_MS, where that is more), and more where those that wait for their first
 * token outnumber them; otherwise as many as fit LONGEST_STEP_MS.
 * It learns from the steps: what a step without prompts takes, and what prompt tokens add to it.
 */
export class Pace {
  readonly #most: number;
  /** Duration of a step that only decodes. */
  #usualMs: number | undefined;
  /** Of a prompt that has the step for itself. */
  #msPerPromptToken: number | undefined;
  #chunk: number | undefined;

  /** `most`: prompt tokens of one step at the most, whatever the pace. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Most prompt tokens of the next step, which `decoding` sequences share, while `prompts` are to be computed. */
  promptTokens(decoding: number, prompts: number): number {
    if (decoding > 0 && this.#chunk !== undefined) {
      return this.#bounded(this.#chunk * Math.max(1, prompts / decoding));
    }
    if (this.#msPerPromptToken === undefined) return Math.min(this.#most, 8 * LEAST_CHUNK);
    const limit = decoding > 0 ? this.#extraMs() : LONGEST_STEP_MS;
    return this.#bounded((limit * AIM) / this.#msPerPromptToken);
  }

  learn({ ms, decoding, prompts, promptTokens }: StepTime): void {
    if (promptTokens === 0) {
      this.#usualMs = average(this.#usualMs, ms);
    } else if (decoding === 0) {
      this.#msPerPromptToken = average(this.#msPerPromptToken, ms / promptTokens);
    } else {
      const extra = Math.max(ms - (this.#usualMs ?? 0), 0.01);
      const outnumbered = Math.max(1, prompts / decoding);
      const factor = (this.#extraMs() * outnumbered * AIM) / extra;
      const chunk = promptTokens / outnumbered;
      // A part of what prompts add is the same for any number of them, so it is approached, not computed. The short
      // rest of a prompt only tells that there is room, not how much.
      if (factor < 1 || chunk >= (this.#chunk ?? 0)) {
        this.#chunk = this.#bounded(chunk * Math.min(2, Math.max(0.5, factor)));
      }
    }
  }

  /** What prompts may add to a step while answers are running. */
  #extraMs(): number {
    const usual = this.#usualMs ?? 0;
    return Math.max(2 * usual, SMOOTH_MS) - usual;
  }

  #bounded(tokens: number): number {
    return Math.floor(Math.min(this.#most, Math.max(tokens, LEAST_CHUNK)));
  }
}

function average(before: number | undefined, now: number): number {
  return before === undefined ? now : before + NEWEST * (now - before);
}

import { BLOCK_TOKENS } from "./workload.ts";

/** One GPU with Dolly v2 12b in vLLM, roughly. */
export const ENGINE = {
  /** Prompt tokens a second that it computes, one prompt after the other. */
  prefillRate: 8000,
  /** Steps a second with one answer, each of which gives every running answer a token. */
  stepRate: 40,
  /** Answers at which a step takes twice as long. */
  doublesAt: 48,
  /** Answers at the same time; others wait. */
  slots: 64,
  /** Blocks of prompts that its cache keeps. */
  cacheBlocks: 4000,
} as const;

export interface Job {
  readonly blocks: readonly number[];
  readonly promptTokens: number;
  readonly answerTokens: number;
  onFirstToken(): void;
  onEnd(): void;
}

interface Running {
  readonly job: Job;
  /** Prompt tokens still to compute, then answer tokens still to draw. */
  prefillLeft: number;
  left: number;
}

/** An engine of the simulation: waits, computes prompts but what it has cached, and draws tokens for all at once. */
export class SimulatedEngine {
  alive = true;
  cachedTokens = 0;
  computedTokens = 0;
  readonly #waiting: Job[] = [];
  readonly #running: Running[] = [];
  /** Blocks in the order of their last use. */
  readonly #cache = new Set<number>();

  get waiting(): number {
    return this.#waiting.length;
  }

  get busy(): number {
    return this.#waiting.length + this.#running.length;
  }

  add(job: Job): void {
    this.#waiting.push(job);
  }

  /** Loses everything; gives the jobs that nothing was told of, and the number of the others. */
  die(): { untold: Job[]; told: number } {
    this.alive = false;
    this.#cache.clear();
    const running = this.#running.splice(0);
    const untold = running.filter(({ job, left }) => left === job.answerTokens).map(({ job }) => job);
    return { untold: [...untold, ...this.#waiting.splice(0)], told: running.length - untold.length };
  }

  /** Lets seconds pass. */
  advance(seconds: number): void {
    while (this.#running.length < ENGINE.slots) {
      const job = this.#waiting.shift();
      if (job === undefined) break;
      this.#running.push({ job, prefillLeft: this.#uncached(job), left: job.answerTokens });
    }
    let prefill = ENGINE.prefillRate * seconds;
    const steps = (ENGINE.stepRate * seconds) / (1 + this.#running.length / ENGINE.doublesAt);
    for (const one of this.#running) {
      if (one.prefillLeft > 0) {
        const done = Math.min(prefill, one.prefillLeft);
        prefill -= done;
        one.prefillLeft -= done;
        continue;
      }
      if (one.left === one.job.answerTokens) one.job.onFirstToken();
      one.left -= steps;
    }
    for (let at = this.#running.length - 1; at >= 0; at -= 1) {
      const one = this.#running[at];
      if (one === undefined || one.left > 0) continue;
      this.#running.splice(at, 1);
      one.job.onEnd();
    }
  }

  /** Prompt tokens that are to be computed; what is cached is marked as used, and all of it is cached then. */
  #uncached({ blocks, promptTokens }: Job): number {
    let cached = 0;
    while (cached < blocks.length && this.#cache.has(blocks[cached] ?? 0)) cached += 1;
    for (const block of blocks.toReversed()) {
      this.#cache.delete(block);
      this.#cache.add(block);
    }
    for (const block of this.#cache) {
      if (this.#cache.size <= ENGINE.cacheBlocks) break;
      this.#cache.delete(block);
    }
    this.cachedTokens += cached * BLOCK_TOKENS;
    this.computedTokens += promptTokens - cached * BLOCK_TOKENS;
    return promptTokens - cached * BLOCK_TOKENS;
  }
}

import type { GenerationRequest } from "../../src/core/generation.ts";
import { GatewayError } from "../../src/errors.ts";
import { Admission, type Job, newJob } from "./admission.ts";
import { type Engine, type SlotInput, StepInterrupted, type StepOutput } from "./engine.ts";
import { Constraints } from "./grammar/constraints.ts";
import { TooAmbiguous } from "./grammar/stack.ts";
import { BadLogits, RowKernel } from "./kernel/row-kernel.ts";
import { Pace } from "./pace.ts";
import type { RoomLimits, StepReport, WireError, WireEvent } from "./protocol.ts";
import { Random } from "./random.ts";
import { Sampler } from "./sampler.ts";
import { Sequence } from "./sequence.ts";
import { Slots } from "./slots.ts";
import { planStep } from "./step-plan.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { wireError } from "./wire.ts";

export interface StepLoopParts {
  readonly engine: Engine;
  readonly vocabulary: Vocabulary;
  readonly limits: RoomLimits;
  /** Takes what there is to tell after each step, and after what happens between steps. */
  readonly report: (report: Omit<StepReport, "type" | "memoryBytes">) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** A fresh seed for a request that names none: a safe integer. */
  readonly freshSeed: () => number;
}

interface Running {
  readonly slot: number;
  readonly job: Job;
  readonly sequence: Sequence;
  readonly since: number;
}

/** Rows of logits that scoring holds at once; more make a step hardly more efficient. */
const SCORED_TOKENS = 128;

/**
 * Serves many requests with one engine, step by step:
 *
 *   admit who waits while there are free slots;
 *   plan the step: a token for each running answer, a chunk of the prompts;
 *   let the engine compute it;
 *   draw the next tokens, tell them, free the slots of those that are done.
 *
 * Everything else (cancellation, arrival, time-outs) only changes who waits or runs, and takes effect with the next
 * step. The loop sleeps on a promise while nothing runs.
 */
export class StepLoop {
  readonly #parts: StepLoopParts;
  readonly #kernel: RowKernel;
  readonly #sampler: Sampler;
  readonly #constraints: Constraints;
  readonly #slots: Slots;
  readonly #pace: Pace;
  readonly #admission: Admission;
  #running: Running[] = [];
  /** Slots of the step that the engine computes now. */
  #computing: readonly number[] = [];
  /** Running average of how long a slot is held. */
  #heldMs = 1000;
  #wake = () => {};
  #told: (readonly [id: number, event: WireEvent])[] = [];
  readonly #pings: (() => void)[] = [];

  constructor(parts: StepLoopParts) {
    const { limits, engine } = parts;
    this.#parts = parts;
    this.#kernel = new RowKernel(engine.info.vocabularySize);
    this.#sampler = new Sampler(this.#kernel);
    this.#constraints = new Constraints(parts.vocabulary);
    this.#slots = new Slots(engine, limits.sharePrefixCache);
    this.#pace = new Pace(engine.info.batchTokens);
    this.#admission = new Admission((job) => {
      const waited = Math.round(this.#parts.monotonic() - job.arrived) / 1000;
      this.#refuse(job.id, `No slot became free within ${waited} s. Try again later.`);
    });
  }

  submit(id: number, request: GenerationRequest): void {
    const { limits, monotonic, freshSeed } = this.#parts;
    const free = this.#admission.begun.length > 0 ? 0 : this.#slots.free;
    if (this.#admission.waiting - free >= limits.maxQueue) {
      this.#refuse(id, `All slots are busy and ${limits.maxQueue} requests wait already. Try again later.`);
      return;
    }
    const constraint = request.constraint && this.#constraints.compiled(request.constraint);
    if (constraint instanceof GatewayError) {
      this.#fail(id, wireError(constraint));
      this.#report();
      return;
    }
    const seed = request.sampling.seed ?? freshSeed();
    const job = newJob({ id, request, arrived: monotonic(), seed, constraint });
    this.#admission.push(job, Math.min(limits.queueTimeoutMs, request.maxTimeMs ?? Infinity));
    this.#wake();
  }

  /** Ends a request without a word; harmless for one that has ended. */
  cancel(id: number): void {
    this.#drop(id);
    const wanted = this.#running.some(
      ({ slot, sequence }) => this.#computing.includes(slot) && !sequence.finished,
    );
    if (this.#computing.length > 0 && !wanted) this.#parts.engine.interrupt();
    this.#wake();
  }

  /** Calls back between two steps, which shows that the loop makes progress. */
  ping(answer: () => void): void {
    this.#pings.push(answer);
    this.#wake();
  }

  /** Never returns; rejects when the engine fails, and then every request is lost. */
  async run(): Promise<never> {
    for (;;) {
      this.#freeFinished();
      this.#admit();
      for (const answer of this.#pings.splice(0)) answer();
      if (this.#running.length === 0) {
        this.#report();
        await this.#sleep();
      } else {
        await this.#step();
        this.#expire();
        this.#report();
      }
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Gives free slots to those that wait, in the order of service. */
  #admit(): void {
    while (this.#slots.free > 0) {
      const order = this.#admission.inOrder(this.#running.map(({ job }) => job.request.tenant));
      if (!order.some((job) => this.#place(job))) return;
    }
  }

  /** Begins the next choice of a request, unless it had better wait for what another one computes. */
  #place(job: Job): boolean {
    const { engine, vocabulary, monotonic } = this.#parts;
    const { request, choice } = job;
    if (choice > 0 && !job.started) return false;
    if (job.awaited !== undefined && this.#slots.awaits(job.awaited)) return false;
    const alternatives = choice === 0 ? request.promptLogprobs : null;
    const taken = this.#slots.take({ ...request, alternatives });
    if (taken === undefined) return false;
    if (!("computed" in taken)) {
      job.awaited = taken;
      return false;
    }
    const now = monotonic();
    const sequence = new Sequence(request, choice, {
      vocabulary,
      sampler: this.#sampler,
      kernel: this.#kernel,
      random: new Random(job.seed, choice),
      contextLength: engine.info.contextLength,
      computed: taken.computed,
      scores: taken.scores,
      matcher: job.constraint && this.#constraints.matcher(job.constraint),
    });
    this.#running.push({ slot: taken.slot, job, sequence, since: now });
    if (choice === 0) {
      job.queuedMs = now - job.arrived;
      job.cachedTokens = taken.computed;
      this.#told.push([job.id, { type: "running" }]);
    }
    this.#admission.placed(job);
    return true;
  }

  async #step(): Promise<void> {
    const { engine, monotonic } = this.#parts;
    const work = this.#plan();
    this.#computing = work.map(({ running }) => running.slot);
    const decoding = work.filter(({ running }) => running.sequence.decoding).length;
    const began = monotonic();
    // Before the step, which may keep this thread busy: whoever waits for these events need not wait for it too.
    if (this.#told.length > 0) this.#report();
    try {
      const output = await engine.step(work.map(({ input }) => input));
      const tokens = work.reduce((sum, { input }) => sum + input.tokens.length, 0);
      const prompts = this.#running.length - decoding;
      this.#pace.learn({ ms: monotonic() - began, decoding, prompts, promptTokens: tokens - decoding });
      let row = 0;
      for (const { running, input } of work) row = this.#advance(running, input, output, row);
    } catch (error) {
      if (!(error instanceof StepInterrupted)) throw error;
      // Whoever was not cancelled feeds the same tokens again.
      for (const { running } of work) this.#slots.rewind(running.slot);
    } finally {
      this.#computing = [];
    }
  }

  #plan(): { running: Running; input: SlotInput }[] {
    const { engine, limits } = this.#parts;
    const decoding = this.#running.filter(({ sequence }) => sequence.decoding).length;
    const paced = this.#pace.promptTokens(decoding, this.#running.length - decoding);
    const shares = planStep(
      this.#running.map(({ slot, sequence: { pending, decoding, scoresPrompt } }) => {
        return { slot, pending, decoding, scored: scoresPrompt };
      }),
      {
        tokens: decoding > 0 ? engine.info.batchTokens : Math.min(engine.info.batchTokens, paced),
        promptTokens: limits.prefillChunk ?? paced,
        scoredTokens: SCORED_TOKENS,
      },
    );
    const bySlot = new Map(this.#running.map((running) => [running.slot, running]));
    return shares.flatMap(({ slot, count }) => {
      const running = bySlot.get(slot);
      return running === undefined ? [] : [{ running, input: running.sequence.input(slot, count) }];
    });
  }

  /** Takes a slot's rows of the step, beginning at `row`; returns where the next slot's begin. */
  #advance(running: Running, input: SlotInput, output: StepOutput, row: number): number {
    const { slot, job, sequence } = running;
    const { tokens, position, logits } = input;
    this.#slots.computed(slot, tokens);
    sequence.computed += tokens.length;
    const rows = logits === "every" ? tokens.length : logits === "last" ? 1 : 0;
    if (sequence.finished) return row + rows;
    try {
      if (logits === "every") {
        for (let at = 0; at < rows; at += 1) sequence.scorePrompt(position + at, output.row(row + at));
      }
      if (sequence.pending === 0) {
        this.#slots.promptDone(slot);
        if (!job.started) this.#start(job, sequence);
        for (const event of sequence.draw(output.row(row + rows - 1))) this.#told.push([job.id, event]);
      }
    } catch (error) {
      if (error instanceof TooAmbiguous) {
        this.#fail(job.id, { code: "invalid_value", message: `The answer cannot go on: ${error.message}.` });
        return row + rows;
      }
      if (!(error instanceof BadLogits)) throw error;
      this.#slots.clear(slot);
      this.#fail(job.id, {
        code: "internal_error",
        message: `The model's numbers are broken: ${error.message}.`,
      });
    }
    return row + rows;
  }

  #start(job: Job, { promptScores }: Sequence): void {
    const { id, request, cachedTokens, queuedMs } = job;
    job.started = true;
    this.#told.push([
      id,
      {
        type: "start",
        promptTokens: request.prompt.length,
        cachedTokens,
        queuedMs,
        ...(promptScores === undefined ? {} : { promptTokenScores: promptScores }),
      },
    ]);
  }

  /** Ends the answers whose time is up. */
  #expire(): void {
    const now = this.#parts.monotonic();
    const late = ({ arrived, request }: Job) => now - arrived >= (request.maxTimeMs ?? Infinity);
    for (const { job, sequence } of this.#running) {
      if (sequence.finished || !late(job)) continue;
      if (job.started) for (const event of sequence.end("length")) this.#told.push([job.id, event]);
      else this.#refuse(job.id, "The time for the request was over before its prompt was computed.");
    }
    for (const { id, choice, request } of this.#admission.begun.filter((job) => job.started && late(job))) {
      for (let index = choice; index < request.choices; index += 1) {
        this.#told.push([id, { type: "finish", index, reason: "length", completionTokens: 0 }]);
      }
      this.#admission.remove(id);
    }
  }

  #freeFinished(): void {
    const now = this.#parts.monotonic();
    for (const { slot, sequence, since } of this.#running) {
      if (!sequence.finished) continue;
      this.#slots.release(slot);
      this.#heldMs += (now - since - this.#heldMs) / 8;
    }
    this.#running = this.#running.filter(({ sequence }) => !sequence.finished);
  }

  /** Takes a request out, wherever it is. */
  #drop(id: number): void {
    this.#admission.remove(id);
    for (const { job, sequence } of this.#running) if (job.id === id) sequence.finished = true;
  }

  #fail(id: number, error: Omit<WireError, "type">): void {
    this.#drop(id);
    this.#told.push([id, { type: "error", ...error }]);
  }

  /** Fails a request for which there is no room; it may be tried again when about its turn would have come. */
  #refuse(id: number, message: string): void {
    const turnMs = (this.#heldMs * (this.#admission.waiting + 1)) / this.#parts.engine.info.slots;
    const retryAfter = Math.min(60, Math.max(1, Math.ceil(turnMs / 1000)));
    this.#fail(id, { code: "server_is_overloaded", message, retryAfter });
    this.#report();
  }

  /** Tells what has happened. */
  #report(): void {
    const busy = this.#running.filter(({ sequence }) => !sequence.finished).length;
    const waiting = this.#admission.waiting;
    const events = this.#told;
    this.#told = [];
    this.#parts.report({ events, busy, waiting, kvUsage: this.#slots.usage });
  }
}

import type { GenerationRequest } from "../../src/core/generation.ts";
import { type Engine, type SlotInput, StepInterrupted, type StepOutput } from "./engine.ts";
import type { RoomLimits, WireEvent } from "./protocol.ts";
import { Random } from "./random.ts";
import { Sampler } from "./sampler.ts";
import { type RequestState, Sequence } from "./sequence.ts";
import { chooseSlot, planStep, type SlotContent } from "./step-plan.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { type Waiting, WaitingQueue } from "./waiting-queue.ts";

export interface StepLoopParts {
  readonly engine: Engine;
  readonly vocabulary: Vocabulary;
  readonly limits: RoomLimits;
  /** Takes all events of one step. */
  readonly emit: (events: readonly (readonly [id: number, event: WireEvent])[]) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** A fresh seed for a request that names none: a safe integer. */
  readonly freshSeed: () => number;
}

interface Slot extends SlotContent {
  tokens: number[];
  busy: boolean;
  lastUsed: number;
}

interface Running {
  readonly slot: number;
  readonly state: RequestState;
  readonly sequence: Sequence;
}

/**
 * Serves many requests with one engine, step by step:
 *
 *   admit whoever waits while there are free slots;
 *   plan the step: a token for each running answer, a chunk of each prompt;
 *   let the engine compute it;
 *   draw the next tokens, tell them, free the slots of those that are done.
 *
 * Everything else (cancellation, arrival, time-outs) only changes who waits or runs, and takes effect with the next
 * step. The loop sleeps on a promise while nothing runs.
 */
export class StepLoop {
  readonly #parts: StepLoopParts;
  readonly #sampler: Sampler;
  readonly #slots: Slot[];
  readonly #queue: WaitingQueue;
  /** Choices of admitted requests that have no slot yet. */
  readonly #unplaced: { state: RequestState; sequence: Sequence }[] = [];
  #running: Running[] = [];
  /** Slots of the step that the engine computes now. */
  #computing: readonly number[] = [];
  #uses = 0;
  #wake = () => {};
  #told: (readonly [id: number, event: WireEvent])[] = [];
  readonly #pings: (() => void)[] = [];

  constructor(parts: StepLoopParts) {
    this.#parts = parts;
    const { queueTimeoutMs } = parts.limits;
    this.#queue = new WaitingQueue(queueTimeoutMs, (id) => {
      this.#fail(id, `No slot became free within ${queueTimeoutMs / 1000} s. Try again later.`);
      this.#flush();
    });
    this.#sampler = new Sampler(parts.engine.info.vocabularySize);
    this.#slots = Array.from({ length: parts.engine.info.slots }, () => ({
      tokens: [],
      busy: false,
      lastUsed: 0,
    }));
  }

  submit(id: number, request: GenerationRequest): void {
    const { limits, monotonic } = this.#parts;
    const free = this.#unplaced.length > 0 ? 0 : this.#slots.filter(({ busy }) => !busy).length;
    if (this.#queue.length - free >= limits.maxQueue) {
      this.#fail(id, `All slots are busy and ${limits.maxQueue} requests wait already. Try again later.`);
      this.#flush();
      return;
    }
    this.#queue.push({ id, request, arrived: monotonic() });
    this.#wake();
  }

  /** Ends a request without a word; harmless for one that has ended. */
  cancel(id: number): void {
    this.#queue.remove(id);
    const unplaced = this.#unplaced.filter(({ state }) => state.id !== id);
    this.#unplaced.splice(0, this.#unplaced.length, ...unplaced);
    for (const { state, sequence } of this.#running) if (state.id === id) sequence.finished = true;
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
      this.#flush();
      if (this.#running.length === 0) await this.#sleep();
      else await this.#step();
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #admit(): void {
    for (;;) {
      this.#unplacedFirst();
      const waiting = this.#slots.every(({ busy }) => busy) ? undefined : this.#queue.shift();
      if (waiting === undefined) return;
      this.#accept(waiting);
    }
  }

  #accept({ id, request, arrived }: Waiting): void {
    const { vocabulary, monotonic, engine, freshSeed } = this.#parts;
    const seed = request.sampling.seed ?? freshSeed();
    const sequences = Array.from({ length: request.choices }, (_, index) => {
      const random = new Random(seed, index);
      return new Sequence(request, index, {
        vocabulary,
        sampler: this.#sampler,
        random,
        contextLength: engine.info.contextLength,
      });
    });
    const state = { id, request, queuedMs: monotonic() - arrived, cachedTokens: 0, started: false };
    for (const sequence of sequences) this.#unplaced.push({ state, sequence });
  }

  /** Gives slots to choices of admitted requests: the first choice at once, the others once its prompt is computed. */
  #unplacedFirst(): void {
    for (let at = 0; at < this.#unplaced.length; ) {
      const next = this.#unplaced[at];
      if (next === undefined) return;
      const { state, sequence } = next;
      if (sequence.index > 0 && !state.started) {
        at += 1;
      } else if (this.#place(state, sequence)) {
        this.#unplaced.splice(at, 1);
      } else {
        return;
      }
    }
  }

  #place(state: RequestState, sequence: Sequence): boolean {
    const { engine } = this.#parts;
    const choice = chooseSlot(this.#slots, sequence.tokens);
    const slot = choice === undefined ? undefined : this.#slots[choice.slot];
    if (choice === undefined || slot === undefined) return false;
    // Scoring needs the logits of every prompt token, so all of them are computed again.
    const reused = sequence.scoresPrompt ? 0 : choice.reused;
    if (reused > 0 && choice.from !== choice.slot) engine.copy(choice.from, choice.slot, reused);
    else engine.truncate(choice.slot, reused);
    this.#uses += 1;
    slot.tokens = sequence.tokens.slice(0, reused);
    slot.busy = true;
    slot.lastUsed = this.#uses;
    sequence.computed = reused;
    if (sequence.index === 0) state.cachedTokens = reused;
    this.#running.push({ slot: choice.slot, state, sequence });
    return true;
  }

  async #step(): Promise<void> {
    const { engine, limits } = this.#parts;
    const shares = planStep(
      this.#running.map(({ slot, sequence: { pending, decoding } }) => ({ slot, pending, decoding })),
      { batchTokens: engine.info.batchTokens, prefillChunk: limits.prefillChunk },
    );
    const bySlot = new Map(this.#running.map((running) => [running.slot, running]));
    const work = shares.flatMap(({ slot, count }) => {
      const running = bySlot.get(slot);
      return running === undefined ? [] : [{ running, input: slotInput(running, count) }];
    });
    this.#computing = shares.map(({ slot }) => slot);
    try {
      const output = await engine.step(work.map(({ input }) => input));
      let row = 0;
      for (const { running, input } of work) row = this.#advance(running, input, output, row);
    } catch (error) {
      if (!(error instanceof StepInterrupted)) throw error;
      // Whoever was not cancelled feeds the same tokens again.
      for (const { input } of work) engine.truncate(input.slot, input.position);
    } finally {
      this.#computing = [];
    }
  }

  /** Takes a slot's rows of the step, beginning at `row`; returns where the next slot's begin. */
  #advance({ slot, state, sequence }: Running, input: SlotInput, output: StepOutput, row: number): number {
    const { tokens, position, logits } = input;
    for (const token of tokens) this.#slots[slot]?.tokens.push(token);
    sequence.computed += tokens.length;
    const rows = logits === "every" ? tokens.length : logits === "last" ? 1 : 0;
    if (sequence.finished) return row + rows;
    if (logits === "every") {
      for (let at = 0; at < rows; at += 1) sequence.scorePrompt(position + at, output.row(row + at));
    }
    if (sequence.pending === 0) {
      if (sequence.index === 0 && !state.started) this.#start(state, sequence);
      for (const event of sequence.draw(output.row(row + rows - 1))) this.#told.push([state.id, event]);
    }
    return row + rows;
  }

  #start(state: RequestState, sequence: Sequence): void {
    state.started = true;
    const scores = sequence.promptScores;
    this.#told.push([
      state.id,
      {
        type: "start",
        promptTokens: state.request.prompt.length,
        cachedTokens: state.cachedTokens,
        queuedMs: state.queuedMs,
        ...(scores === undefined ? {} : { promptTokenScores: scores }),
      },
    ]);
  }

  #freeFinished(): void {
    for (const { slot, sequence } of this.#running) {
      const freed = this.#slots[slot];
      if (sequence.finished && freed !== undefined) freed.busy = false;
    }
    this.#running = this.#running.filter(({ sequence }) => !sequence.finished);
  }

  #fail(id: number, message: string): void {
    this.#told.push([id, { type: "error", code: "server_is_overloaded", message, retryAfter: 1 }]);
  }

  #flush(): void {
    if (this.#told.length > 0) this.#parts.emit(this.#told);
    this.#told = [];
  }
}

function slotInput({ slot, sequence }: Running, count: number): SlotInput {
  const { computed, tokens, pending, scoresPrompt, decoding } = sequence;
  const last = count === pending ? "last" : "none";
  return {
    slot,
    position: computed,
    tokens: tokens.slice(computed, computed + count),
    logits: scoresPrompt && !decoding ? "every" : last,
  };
}

import type { Engine } from "./engine.ts";
import type { Scores } from "./logprobs.ts";
import { type Coming, chooseSlot, type SlotContent, type Wanted } from "./slot-choice.ts";

interface Slot extends SlotContent {
  tokens: number[];
  scores: (Scores | undefined)[];
  tenant: string;
  promptLength: number;
  busy: boolean;
  coming: Coming | undefined;
  lastUsed: number;
}

/** What a prompt finds in the slot that it got. */
export interface Taken {
  readonly slot: number;
  /** How many of its tokens are computed already. */
  readonly computed: number;
  /** Scores that are known of them, by their place; the slot's own list, which grows with what is scored. */
  readonly scores: (Scores | undefined)[];
}

/** What a prompt waits for: the first `tokens` of another one that is being computed. */
export interface Awaited {
  readonly slot: number;
  readonly coming: Coming | undefined;
  readonly tokens: number;
}

/**
 * The engine's slots and what their KV caches hold: the record that agrees with the engine, and the only place that
 * copies and truncates. A slot that is given back keeps its content until another prompt needs the room.
 */
export class Slots {
  readonly #engine: Engine;
  readonly #everybodyShares: boolean;
  readonly #slots: Slot[];
  #uses = 0;

  /** `everybodyShares`: whether what one tenant's prompt left may be used for another's. */
  constructor(engine: Engine, everybodyShares: boolean) {
    this.#engine = engine;
    this.#everybodyShares = everybodyShares;
    this.#slots = Array.from({ length: engine.info.slots }, () => ({
      tokens: [],
      scores: [],
      tenant: "",
      promptLength: 0,
      busy: false,
      coming: undefined,
      lastUsed: 0,
    }));
  }

  get busy(): number {
    return this.#slots.reduce((count, { busy }) => count + (busy ? 1 : 0), 0);
  }

  get free(): number {
    return this.#slots.length - this.busy;
  }

  /** 0 to 1: how much of the KV caches holds tokens of busy slots. */
  get usage(): number {
    const used = this.#slots.reduce((sum, { busy, tokens }) => sum + (busy ? tokens.length : 0), 0);
    return used / (this.#slots.length * this.#engine.info.contextLength);
  }

  /** Gives the prompt a slot with as much of it computed as can be, or says what to wait for; undefined: all are busy. */
  take(wanted: Wanted): Taken | Awaited | undefined {
    const choice = chooseSlot(this.#slots, wanted, this.#everybodyShares);
    if (choice === undefined) return undefined;
    if ("wait" in choice) {
      const { wait: slot, tokens } = choice;
      return { slot, coming: this.#at(slot).coming, tokens };
    }
    const { take, from, reused } = choice;
    const slot = this.#at(take);
    const source = this.#at(from);
    if (take === from) this.#engine.truncate(take, reused);
    else this.#engine.copy(from, take, reused);
    this.#uses += 1;
    slot.tokens = source.tokens.slice(0, reused);
    slot.scores = source.scores.slice(0, wanted.alternatives === null ? reused : reused + 1);
    slot.tenant = wanted.tenant;
    slot.promptLength = wanted.prompt.length;
    slot.busy = true;
    slot.coming = { prompt: wanted.prompt, alternatives: wanted.alternatives };
    slot.lastUsed = this.#uses;
    return { slot: take, computed: reused, scores: slot.scores };
  }

  /** Notes that the slot's next tokens were computed. */
  computed(slot: number, tokens: readonly number[]): void {
    for (const token of tokens) this.#at(slot).tokens.push(token);
  }

  /** Notes that the slot's prompt is computed in full. */
  promptDone(slot: number): void {
    this.#at(slot).coming = undefined;
  }

  /** Whether what is awaited is still to come. */
  awaits({ slot, coming, tokens }: Awaited): boolean {
    const now = this.#at(slot);
    return coming !== undefined && now.coming === coming && now.tokens.length < tokens;
  }

  /** Takes back what a step that was interrupted left behind. */
  rewind(slot: number): void {
    this.#engine.truncate(slot, this.#at(slot).tokens.length);
  }

  /** Gives the slot back; its content stays. */
  release(slot: number): void {
    const released = this.#at(slot);
    released.busy = false;
    released.coming = undefined;
  }

  /** Throws away what the slot holds, which is of no use to anybody. */
  clear(slot: number): void {
    const cleared = this.#at(slot);
    this.#engine.truncate(slot, 0);
    cleared.tokens = [];
    cleared.scores = [];
  }

  #at(number: number): Slot {
    const slot = this.#slots[number];
    if (slot === undefined) throw new RangeError(`There is no slot ${number}.`);
    return slot;
  }
}

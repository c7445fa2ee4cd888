/**
 * The scheduler's decisions. They are pure: what runs is described, what to do is returned, and the step loop does it.
 */

/** A sequence that holds a slot, as far as planning a step needs to know it. */
export interface RunningSequence {
  readonly slot: number;
  /** Tokens that the engine has not seen yet, at least one: the rest of the prompt, or the token just drawn. */
  readonly pending: number;
  /** Whether its prompt is done, so that it waits for one token a step. */
  readonly decoding: boolean;
}

export interface StepLimits {
  /** Most tokens of one step. */
  readonly batchTokens: number;
  /** Most prompt tokens of one step while other sequences are decoding, so that their streams keep flowing. */
  readonly prefillChunk: number;
}

export interface SlotShare {
  readonly slot: number;
  /** How many of its pending tokens it feeds. */
  readonly count: number;
}

/**
 * Who feeds how much in the next step. Every decoding sequence feeds its token; what is left of the step goes to the
 * prompts, in the order given (by arrival). The shares come in the order of their slots: llama.cpp computes sequences in
 * one pass only where their numbers ascend (llama-batch.cpp, `split_equal`).
 */
export function planStep(running: readonly RunningSequence[], limits: StepLimits): SlotShare[] {
  const shares: SlotShare[] = [];
  let room = limits.batchTokens;
  for (const { slot, decoding } of running) {
    if (decoding && room > 0) {
      shares.push({ slot, count: 1 });
      room -= 1;
    }
  }
  if (shares.length > 0) room = Math.min(room, limits.prefillChunk);
  for (const { slot, decoding, pending } of running) {
    const count = Math.min(pending, room);
    if (decoding || count === 0) continue;
    shares.push({ slot, count });
    room -= count;
  }
  return shares.sort((a, b) => a.slot - b.slot);
}

/** A slot and what its KV cache holds. */
export interface SlotContent {
  readonly tokens: readonly number[];
  readonly busy: boolean;
  /** Grows with each use; the smallest is the least recently used. */
  readonly lastUsed: number;
}

export interface SlotChoice {
  readonly slot: number;
  /** Slot that holds the prompt's beginning; the slot itself where nothing is to be copied. */
  readonly from: number;
  /** Tokens of the prompt that need not be computed again. */
  readonly reused: number;
}

/**
 * The slot for a new prompt: undefined while all are busy. At least one token of the prompt is left to compute, for its
 * logits. A free slot is continued where it stands when most of what it holds is used; otherwise the beginning is
 * copied into the least recently used slot, so that what the other one holds stays for its own conversation.
 */
export function chooseSlot(slots: readonly SlotContent[], prompt: readonly number[]): SlotChoice | undefined {
  const free = [...slots.keys()].filter((slot) => slots[slot]?.busy === false);
  const age = (slot: number) => slots[slot]?.lastUsed ?? 0;
  const [oldest] = free.sort((a, b) => age(a) - age(b));
  if (oldest === undefined) return undefined;
  let from = oldest;
  let reused = 0;
  for (const [slot, { tokens }] of slots.entries()) {
    const common = Math.min(commonPrefix(tokens, prompt), prompt.length - 1);
    if (common > reused) {
      from = slot;
      reused = common;
    }
  }
  const held = slots[from];
  const continued = held !== undefined && !held.busy && reused * 2 >= held.tokens.length;
  return { slot: continued ? from : oldest, from: reused === 0 ? oldest : from, reused };
}

function commonPrefix(left: readonly number[], right: readonly number[]): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) if (left[at] !== right[at]) return at;
  return length;
}

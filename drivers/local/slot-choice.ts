import type { Scores } from "./logprobs.ts";

/** What a slot's KV cache holds, and what it is about to hold. */
export interface SlotContent {
  /** Computed so far. */
  readonly tokens: readonly number[];
  /** Scores of these tokens, as far as a request has asked for them; none for the first, which nothing precedes. */
  readonly scores: readonly (Scores | undefined)[];
  /** Whose tokens they are. */
  readonly tenant: string;
  /** How many of them were its prompt; the rest is the answer. */
  readonly promptLength: number;
  readonly busy: boolean;
  /** The prompt that is being computed in it; undefined once that is done. */
  readonly coming: Coming | undefined;
  /** Grows with each use; the smallest is the least recently used. */
  readonly lastUsed: number;
}

export interface Coming {
  readonly prompt: readonly number[];
  /** Alternatives that its scores will have; null where it is not scored. */
  readonly alternatives: number | null;
}

/** A prompt that wants a slot. */
export interface Wanted {
  readonly prompt: readonly number[];
  readonly tenant: string;
  /** How many of its first tokens every tenant may share. */
  readonly sharedPrefix: number;
  /** How many alternatives its own tokens are scored with; null: they are not scored. */
  readonly alternatives: number | null;
}

export type SlotChoice =
  | {
      readonly take: number;
      /** Slot that holds the prompt's beginning; the slot itself where nothing is to be copied. */
      readonly from: number;
      /** Tokens of the prompt that need not be computed again. */
      readonly reused: number;
    }
  /** Another prompt that is being computed in that slot begins with the same `tokens`: better wait for them. */
  | { readonly wait: number; readonly tokens: number };

/** A copy moves a slot's whole cache, which costs about as much as computing so many tokens. */
const WORTH_COPYING = 8;
/** So many tokens are computed again sooner than a slot is copied for a conversation that may not go on. */
const LITTLE = 32;
/** Waiting for another prompt's beginning pays from so many tokens on, if they are half of the work. */
const WORTH_WAITING = 16;

/**
 * The slot for a new prompt: undefined while all are busy. At least one token of the prompt is left to compute, for its
 * logits. A free slot is continued where it stands when little of what it holds is lost by that; otherwise the
 * beginning is copied into the least recently used slot, so that what the other one holds stays for its own conversation.
 */
export function chooseSlot(
  slots: readonly SlotContent[],
  wanted: Wanted,
  everybodyShares: boolean,
): SlotChoice | undefined {
  const oldest = leastRecentlyUsed(slots);
  if (oldest === undefined) return undefined;
  let from = oldest;
  let reused = 0;
  let promised = 0;
  let promising = oldest;
  for (const [number, slot] of slots.entries()) {
    const allowed = everybodyShares || slot.tenant === wanted.tenant ? Infinity : wanted.sharedPrefix;
    const now = Math.min(allowed, reusable(slot.tokens, slot.scores, wanted));
    if (now > reused) {
      from = number;
      reused = now;
    }
    const later = slot.coming === undefined ? 0 : Math.min(allowed, reusableLater(slot.coming, wanted));
    if (later > promised) {
      promising = number;
      promised = later;
    }
  }
  const saved = promised - reused;
  if (saved >= WORTH_WAITING && saved * 2 >= wanted.prompt.length - reused) {
    return { wait: promising, tokens: promised };
  }
  const held = slots[from];
  if (held !== undefined && !held.busy && (from === oldest || losesLittle(held, reused, slots[oldest]))) {
    return { take: from, from, reused };
  }
  return reused < WORTH_COPYING ? { take: oldest, from: oldest, reused: 0 } : { take: oldest, from, reused };
}

/** Whether continuing a slot in place loses no more than a copy would cost, or nothing but the answer to this very prompt. */
function losesLittle(held: SlotContent, reused: number, oldest: SlotContent | undefined): boolean {
  const lost = held.tokens.length - reused;
  if (lost <= LITTLE || lost * 4 <= reused) return true;
  return oldest !== undefined && oldest.tokens.length > 0 && held.promptLength - reused <= 1;
}

function leastRecentlyUsed(slots: readonly SlotContent[]): number | undefined {
  let oldest: number | undefined;
  let use = Infinity;
  for (const [number, { busy, lastUsed }] of slots.entries()) {
    if (!busy && lastUsed < use) {
      oldest = number;
      use = lastUsed;
    }
  }
  return oldest;
}

/** A scored token needs the logits of the one before it, or its score from before. */
function reusable(
  tokens: readonly number[],
  scores: readonly (Scores | undefined)[],
  { prompt, alternatives }: Wanted,
): number {
  const common = commonPrefix(tokens, prompt);
  if (alternatives === null) return Math.min(common, prompt.length - 1);
  let scored = 0;
  for (;;) {
    const next = scores[scored + 1];
    if (scored + 1 >= common || next === undefined || next.top.length < alternatives) return scored;
    scored += 1;
  }
}

function reusableLater(coming: Coming, { prompt, alternatives }: Wanted): number {
  const common = commonPrefix(coming.prompt, prompt);
  if (alternatives === null) return Math.min(common, prompt.length - 1);
  return (coming.alternatives ?? -1) < alternatives ? 0 : Math.max(0, common - 1);
}

function commonPrefix(left: readonly number[], right: readonly number[]): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) if (left[at] !== right[at]) return at;
  return length;
}

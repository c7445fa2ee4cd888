import type { Control } from "./control.ts";
import { Kept } from "./kept.ts";
import { type Frame, type StackLimits, type StackState, Stacks } from "./stack.ts";
import type { TokenTrie } from "./token-trie.ts";

/** A bit for each token id, set where the token may be drawn. */
export type TokenMask = Uint32Array;

/** A place in the trie where a control has finished, and what is below it would go on. */
interface Exit {
  readonly node: number;
  readonly finished: Control;
}

/** What is known of a control whatever is below it on the stack. */
interface Profile {
  /** Tokens that end within it, or with it. */
  readonly mask: TokenMask;
  /** Tokens that do not end there go on from here. */
  readonly exits: readonly Exit[];
  /** Nodes of the trie behind the exits. */
  readonly behind: number;
}

/** Masks that are kept at least, of states and of controls; one is 6 KB for 50,000 tokens. */
const MOST_MASKS = 1000;

/**
 * Which tokens can follow, for one vocabulary. The trie of all tokens is walked along the bytes that can follow; what a
 * walk finds within a control is kept for it, so that in most states only the few tokens that reach beyond the control on
 * the top of the stack are walked again.
 */
export class TokenMasks {
  readonly trie: TokenTrie;
  readonly #words: number;
  readonly #stacks: Stacks;
  readonly #profiles = new Kept<Profile>(MOST_MASKS);
  readonly #masks = new Kept<TokenMask>(MOST_MASKS);
  /** The states along the way to a node, by its depth. */
  readonly #path: StackState[] = [];

  /** `size`: token ids run from 0 to `size` - 1. */
  constructor(trie: TokenTrie, size: number, limits?: StackLimits) {
    this.#stacks = new Stacks(limits);
    this.trie = trie;
    this.#words = Math.ceil(size / 32);
  }

  start(control: Control): StackState {
    return this.#stacks.start(control);
  }

  /** Tokens that can follow a state. It is shared: not to be changed. Throws TooAmbiguous. */
  mask(state: StackState): TokenMask {
    this.#stacks.startMask();
    return this.#masks.get(state.id, () => this.#computed(state));
  }

  #computed(state: StackState): TokenMask {
    const [only] = state.frames;
    if (only !== undefined && state.frames.length === 1) {
      const { mask, exits } = this.#profile(only.control.unremembered);
      if (exits.length === 0) return mask;
    }
    const mask = new Uint32Array(this.#words);
    for (const frame of state.frames) this.#addFrame(frame, mask);
    return mask;
  }

  #addFrame(frame: Frame, mask: TokenMask): void {
    const profile = this.#profile(frame.control.unremembered);
    for (let at = 0; at < mask.length; at += 1) mask[at] = (mask[at] ?? 0) | (profile.mask[at] ?? 0);
    if (profile.behind > this.trie.size) {
      // So many ways out that one walk with all that is below is cheaper.
      this.#walk(this.#stacks.whole(frame), -1, mask);
      return;
    }
    const resumed = new Map<Control, StackState | null>();
    for (const { node, finished } of profile.exits) {
      let state = resumed.get(finished);
      if (state === undefined) {
        state = this.#stacks.resumed(frame, finished);
        resumed.set(finished, state);
      }
      if (state !== null) this.#walk(state, node, mask);
    }
  }

  #profile(control: Control): Profile {
    return this.#profiles.get(control.id, () => {
      const { wider } = control;
      const profile = wider === undefined ? this.#whole(control) : this.#narrowed(control, wider);
      const behind = profile.exits.reduce((sum, { node }) => sum + (this.trie.ends[node] ?? 0) - node, 0);
      return { ...profile, behind };
    });
  }

  #whole(control: Control): Omit<Profile, "behind"> {
    const mask = new Uint32Array(this.#words);
    const exits: Exit[] = [];
    this.#walk(this.#stacks.alone(control), -1, mask, exits);
    return { mask, exits };
  }

  /** The profile of a control from that of a wider one: walks only where the two have not met again. */
  #narrowed(control: Control, wider: Control): Omit<Profile, "behind"> {
    const { bytes, depths, ends, tokens } = this.trie;
    const known = this.#profile(wider);
    const mask = known.mask.slice();
    const apart: Exit[] = [];
    /** Where the two differ: exits of the wider one do not count from there to there. */
    const gone: (readonly [from: number, to: number])[] = [];
    const narrow: StackState[] = [this.#stacks.alone(control)];
    const wide: (StackState | null)[] = [this.#stacks.alone(wider)];
    for (let at = 0; at < this.trie.size; ) {
      const depth = depths[at] ?? 0;
      const end = ends[at] ?? this.trie.size;
      const state = narrow[depth - 1]?.next(bytes[at] ?? 0) ?? null;
      const other = wide[depth - 1]?.next(bytes[at] ?? 0) ?? null;
      if (state === other) {
        at = end;
        continue;
      }
      if (state === null) {
        for (let below = at; below < end; below += 1) this.#set(mask, tokens[below] ?? -1, false);
        gone.push([at, end]);
        at = end;
        continue;
      }
      this.#set(mask, tokens[at] ?? -1, true);
      gone.push([at, at + 1]);
      if (at + 1 < end) for (const finished of state.finished) apart.push({ node: at, finished });
      narrow[depth] = state;
      wide[depth] = other;
      at += 1;
    }
    const kept = known.exits.filter(({ node }) => !gone.some(([from, to]) => from <= node && node < to));
    return { mask, exits: [...kept, ...apart] };
  }

  /** Walks what is below a node of the trie (-1: all of it), where a state stands. */
  #walk(from: StackState, node: number, mask: TokenMask, exits?: Exit[]): void {
    const { bytes, depths, ends, tokens } = this.trie;
    const path = this.#path;
    const end = node < 0 ? this.trie.size : (ends[node] ?? 0);
    path[node < 0 ? 0 : (depths[node] ?? 0)] = from;
    let at = node + 1;
    while (at < end) {
      const depth = depths[at] ?? 0;
      const before = path[depth - 1] ?? from;
      const byte = bytes[at] ?? 0;
      const state = before.known[byte] ?? before.next(byte);
      if (state === null) {
        at = ends[at] ?? end;
        continue;
      }
      const token = tokens[at] ?? -1;
      if (token >= 0) this.#set(mask, token, true);
      if (exits !== undefined && state.finished.length > 0 && at + 1 < (ends[at] ?? 0)) {
        for (const finished of state.finished) exits.push({ node: at, finished });
      }
      path[depth] = state;
      at = state.frames.length === 0 ? (ends[at] ?? end) : at + 1;
    }
  }

  /** Sets the bit of a token and of those that spell the same; -1 is none. */
  #set(mask: TokenMask, token: number, allowed: boolean): void {
    if (token < 0) return;
    setBit(mask, token, allowed);
    if (this.trie.others.size > 0)
      for (const other of this.trie.others.get(token) ?? []) setBit(mask, other, allowed);
  }
}

function setBit(mask: TokenMask, token: number, set: boolean): void {
  const bits = mask[token >>> 5] ?? 0;
  const bit = 1 << (token & 31);
  mask[token >>> 5] = set ? bits | bit : bits & ~bit;
}

import { type Control, Kept } from "./control.ts";
import { type Frame, Stacks, type StackState } from "./stack.ts";
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

/** Profiles of controls that are no part of a grammar that is in use are dropped with it. */
const MOST_MASKS = 1000;

/**
 * Which tokens can follow, for one vocabulary. The trie of all tokens is walked along the bytes that can follow; what a
 * walk finds within a control is kept for it, so that in most states only the few tokens that reach beyond the control on
 * the top of the stack are walked again.
 */
export class TokenMasks {
  readonly trie: TokenTrie;
  readonly #words: number;
  readonly #stacks = new Stacks();
  readonly #profiles = new Kept<Profile>(MOST_MASKS);
  readonly #masks = new Kept<TokenMask>(MOST_MASKS);
  /** The states along the way to a node, by its depth. */
  readonly #path: (StackState | null)[] = [];

  /** `size`: token ids run from 0 to `size` - 1. */
  constructor(trie: TokenTrie, size: number) {
    this.trie = trie;
    this.#words = Math.ceil(size / 32);
  }

  start(control: Control): StackState {
    return this.#stacks.start(control);
  }

  /** Tokens that can follow a state. It is shared: not to be changed. */
  mask(state: StackState): TokenMask {
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
    for (const [at, bits] of profile.mask.entries()) mask[at] = (mask[at] ?? 0) | bits;
    if (profile.behind > this.trie.size) {
      // So many ways out that one walk with all that is below is cheaper.
      this.#walk(this.#stacks.whole(frame), -1, mask);
      return;
    }
    for (const { node, finished } of profile.exits) {
      const state = this.#stacks.resumed(frame, finished);
      if (state !== null) this.#walk(state, node, mask);
    }
  }

  #profile(control: Control): Profile {
    return this.#profiles.get(control.id, () => {
      const mask = new Uint32Array(this.#words);
      const exits: Exit[] = [];
      this.#walk(this.#stacks.alone(control), -1, mask, exits);
      const behind = exits.reduce((sum, { node }) => sum + (this.trie.ends[node] ?? 0) - node, 0);
      return { mask, exits, behind };
    });
  }

  /** Walks what is below a node of the trie (-1: all of it), where a state stands. */
  #walk(from: StackState, node: number, mask: TokenMask, exits?: Exit[]): void {
    const { bytes, depths, ends, tokens, others } = this.trie;
    const path = this.#path;
    const end = node < 0 ? this.trie.size : (ends[node] ?? 0);
    path[node < 0 ? 0 : (depths[node] ?? 0)] = from;
    for (let at = node + 1; at < end; ) {
      const depth = depths[at] ?? 0;
      const state = path[depth - 1]?.next(bytes[at] ?? 0) ?? null;
      if (state === null) {
        at = ends[at] ?? end;
        continue;
      }
      const token = tokens[at] ?? -1;
      if (token >= 0) {
        allow(mask, token);
        if (others.size > 0) for (const other of others.get(token) ?? []) allow(mask, other);
      }
      if (exits !== undefined && state.finished.length > 0 && at + 1 < (ends[at] ?? 0)) {
        for (const finished of state.finished) exits.push({ node: at, finished });
      }
      if (state.frames.length === 0) {
        at = ends[at] ?? end;
        continue;
      }
      path[depth] = state;
      at += 1;
    }
  }
}

const allow = (mask: TokenMask, token: number): void => {
  mask[token >>> 5] = (mask[token >>> 5] ?? 0) | (1 << (token & 31));
};

import type { Control } from "./control.ts";
import type { StackState } from "./stack.ts";
import type { TokenMask, TokenMasks } from "./token-masks.ts";

/** Follows one answer, token by token. */
export class Matcher {
  readonly #masks: TokenMasks;
  #state: StackState;

  constructor(masks: TokenMasks, start: Control) {
    this.#masks = masks;
    this.#state = masks.start(start);
  }

  /** The answer could end here. */
  get complete(): boolean {
    return this.#state.finished.length > 0;
  }

  /** The answer is complete, and nothing can follow. */
  get ended(): boolean {
    return this.complete && this.mask().every((bits) => bits === 0);
  }

  /** Tokens that can follow, but for those that end the answer. It is shared: not to be changed. */
  mask(): TokenMask {
    return this.#masks.mask(this.#state);
  }

  /** Sets the bits of the tokens that may be drawn; `stopTokens` end the answer, which they may once it is complete. */
  allow(allowed: Uint32Array, stopTokens: readonly number[]): void {
    allowed.set(this.mask());
    for (const id of stopTokens) {
      const bits = allowed[id >>> 5] ?? 0;
      allowed[id >>> 5] = this.complete ? bits | (1 << (id & 31)) : bits & ~(1 << (id & 31));
    }
  }

  /** Goes on behind bytes; false where they cannot follow, and then nothing has changed. */
  advance(bytes: Uint8Array): boolean {
    let state = this.#state;
    for (const byte of bytes) {
      const next = state.next(byte);
      if (next === null) return false;
      state = next;
    }
    this.#state = state;
    return true;
  }
}

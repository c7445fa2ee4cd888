import type { Vocabulary } from "../vocabulary.ts";
import type { Control } from "./control.ts";
import type { Frame, StackState } from "./stack.ts";
import type { TokenMask, TokenMasks } from "./token-masks.ts";

/** A byte that ends a string, an object or an array, and the token that is this byte and nothing else. */
export interface Closer {
  readonly byte: number;
  readonly id: number;
}

const OPENING = ["{", "["].map((text) => text.charCodeAt(0));
const CLOSING = ['"', "}", "]"].map((text) => text.charCodeAt(0));

/** The closers that a vocabulary has. */
export function closersOf(vocabulary: Vocabulary): Closer[] {
  const found = new Map<number, number>();
  for (let id = 0; id < vocabulary.size; id += 1) {
    const bytes = vocabulary.bytes(id);
    const [byte = -1] = bytes;
    if (bytes.length === 1 && !vocabulary.isControl(id) && CLOSING.includes(byte) && !found.has(byte))
      found.set(byte, id);
  }
  return CLOSING.flatMap((byte) => {
    const id = found.get(byte);
    return id === undefined ? [] : [{ byte, id }];
  });
}

/** Follows one answer, token by token. */
export class Matcher {
  readonly #masks: TokenMasks;
  readonly #closers: readonly Closer[];
  #state: StackState;
  /** The last byte; -1 before the first. */
  #last = -1;

  constructor(masks: TokenMasks, start: Control, closers: readonly Closer[]) {
    this.#masks = masks;
    this.#closers = closers;
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

  /**
   * The token that ends the innermost string, object or array; undefined where none can end here. A model that wants to end
   * its answer within a form draws its end, and gets this in its place; not in that of a first member or item.
   */
  get closer(): number | undefined {
    if (OPENING.includes(this.#last)) return undefined;
    const depth = depthOf(this.#state);
    const found = this.#closers.find(({ byte }) => {
      const next = this.#state.next(byte);
      return next !== null && depthOf(next) < depth;
    });
    return found?.id;
  }

  /** Sets the bits of the tokens that may be drawn; `stopTokens` end the answer, which they may once it is complete. */
  allow(allowed: Uint32Array, stopTokens: readonly number[]): void {
    this.#allow(allowed, stopTokens, this.complete);
  }

  /** As `allow`, and `stopTokens` may also be drawn where `closer` then stands in their place. */
  allowOrClose(allowed: Uint32Array, stopTokens: readonly number[]): void {
    this.#allow(allowed, stopTokens, this.complete || this.closer !== undefined);
  }

  #allow(allowed: Uint32Array, stopTokens: readonly number[], stop: boolean): void {
    allowed.set(this.mask());
    for (const id of stopTokens) {
      const bits = allowed[id >>> 5] ?? 0;
      allowed[id >>> 5] = stop ? bits | (1 << (id & 31)) : bits & ~(1 << (id & 31));
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
    this.#last = bytes.at(-1) ?? this.#last;
    return true;
  }
}

/** Controls on the lowest of the stacks. */
function depthOf({ frames, finished }: StackState): number {
  if (finished.length > 0) return 0;
  return Math.min(...frames.map(heightOf));
}

function heightOf(frame: Frame): number {
  let height = 0;
  for (let at: Frame | undefined = frame; at !== undefined; at = at.below) height += 1;
  return height;
}

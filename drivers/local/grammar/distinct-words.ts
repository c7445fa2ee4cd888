import type { Control } from "./control.ts";
import { TextControl } from "./text-control.ts";

let sets = 0;

/** Texts that have been written, which must not come again; a character stands for a byte. */
export class Words {
  readonly id = sets++;
  readonly #words: readonly string[];

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get size(): number {
    return this.#words.length;
  }

  with(word: string): Words {
    return new Words([...this.#words, word]);
  }

  /** What is left of those that begin so. */
  behind(byte: string): readonly string[] {
    return restsBehind(this.#words, byte);
  }
}

export const NO_WORDS = new Words([]);

export const restsBehind = (rests: readonly string[], byte: string): readonly string[] =>
  rests.filter((rest) => rest.startsWith(byte)).map((rest) => rest.slice(1));

/** Whether a text that stands at a control can still become another one than those of which the rests are left. */
export function canDiffer(control: Control, rests: readonly string[], unknown = 0): boolean {
  if (!(control instanceof TextControl)) return !rests.includes("");
  return control.words > rests.length + unknown;
}

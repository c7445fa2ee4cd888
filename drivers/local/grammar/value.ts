import type { ArrayShape } from "./array-control.ts";
import { Control } from "./control.ts";
import type { ObjectShape } from "./object-control.ts";
import type { TextLanguage } from "./text-control.ts";

/** What a JSON value may be; several shapes are alternatives. */
export interface ValueParts {
  /** What stands between the quotes of a string. */
  readonly strings: TextLanguage | undefined;
  /** Texts of numbers, `true`, `false` and `null`. */
  readonly bare: TextLanguage | undefined;
  readonly arrays: readonly ArrayShape[];
  readonly objects: readonly ObjectShape[];
}

const NOTHING: ValueParts = { strings: undefined, bare: undefined, arrays: [], objects: [] };

/** The beginning of a value. */
export class Value extends Control {
  /** Values may hold themselves: what they may be is said once it is known. */
  parts: ValueParts = NOTHING;

  /** No value is possible, as far as is known. */
  empty = true;

  /** How many strings, numbers and the like it may be. */
  get scalars(): number {
    const { strings, bare } = this.parts;
    return (strings?.start.words ?? 0) + (bare?.start.words ?? 0);
  }

  protected step(byte: number): readonly Control[] {
    const { strings, bare, arrays, objects } = this.parts;
    switch (byte) {
      case 0x22:
        return strings === undefined ? [] : [strings.start];
      case 0x5b:
        return arrays.map((shape) => shape.open);
      case 0x7b:
        return objects.map((shape) => shape.open);
      default:
        return bare === undefined ? [] : bare.start.next(byte);
    }
  }
}

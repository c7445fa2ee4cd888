import type { Automaton } from "./automaton.ts";
import { type Call, Control, FINISHED } from "./control.ts";
import { Kept } from "./kept.ts";
import { bit, countOf, KeyLanguage, type Kinds } from "./key-language.ts";
import type { Value } from "./value.ts";
import { NO_SPACE, type Space, spaceBehind } from "./white-space.ts";

export interface ObjectLimits {
  /** Kinds of which a key must be there. */
  readonly required: Kinds;
  /** Kinds with one key each: the names that the schema knows. */
  readonly named: Kinds;
  readonly least: number;
  readonly most: number;
  /** Whether named keys come in the order of their kinds. */
  readonly ordered: boolean;
}

/** What is known of an object at one of its commas or brackets. */
interface Progress {
  /** Named kinds that have been there. */
  readonly seen: Kinds;
  /** Members so far; counted no further than limits need. */
  readonly count: number;
}

/** Objects of one shape: members by the kinds of their keys. */
export class ObjectShape {
  readonly #keys: KeyLanguage;
  readonly values: readonly Value[];
  readonly #limits: ObjectLimits;
  readonly #controls = new Kept<ObjectControl>(5000);

  /** `keys`: label i + 1 is a key whose member is of `values[i]`. */
  constructor(keys: Automaton, values: readonly Value[], limits: ObjectLimits) {
    this.#keys = new KeyLanguage(keys);
    this.values = values;
    this.#limits = limits;
  }

  get open(): Control {
    return this.at("open", { seen: 0n, count: 0 }, NO_SPACE, -1);
  }

  at(phase: Phase, progress: Progress, space: Space, kind: number): ObjectControl {
    const { seen, count } = progress;
    const key = `${phase} ${kind} ${space} ${count} ${seen.toString(36)}`;
    return this.#controls.get(key, () => new ObjectControl(this, phase, progress, space, kind));
  }

  /** Whether the object may end. */
  complete({ seen, count }: Progress): boolean {
    const { required, least } = this.#limits;
    return (required & ~seen) === 0n && count >= least;
  }

  /** What the next key begins with; undefined where none can follow. */
  nextKey({ seen, count }: Progress): Control | undefined {
    const kinds = this.#allowed(seen, count);
    return kinds === 0n ? undefined : this.#keys.only(kinds).opening;
  }

  /** `kind`: of the member that has just ended. */
  withMember({ seen, count }: Progress, kind: number): Progress {
    const { named, least, most } = this.#limits;
    const needed = most === Number.POSITIVE_INFINITY ? least : most;
    return { seen: seen | (named & bit(kind)), count: Math.min(count + 1, needed) };
  }

  #allowed(seen: Kinds, count: number): Kinds {
    const { required, named, most, ordered } = this.#limits;
    const missing = required & ~seen;
    const room = most - count - countOf(missing);
    if (most - count <= 0) return 0n;
    let kinds = this.#keys.kinds & ~(seen & named);
    if (room <= 0) kinds &= missing;
    if (!ordered) return kinds;
    // Not before what has been there, and not behind the first that is missing.
    if (seen > 0n) kinds &= ~named | ~(bit(seen.toString(2).length) - 1n);
    const first = missing & -missing;
    return first === 0n ? kinds : kinds & (~named | ((first << 1n) - 1n));
  }
}

type Phase =
  /** Behind the bracket. */
  | "open"
  /** A key is being written: waits below it on the stack. */
  | "key"
  /** Behind a key. */
  | "colon"
  /** Behind a colon. */
  | "value"
  /** Behind a value. */
  | "member"
  /** Behind a comma. */
  | "comma";

class ObjectControl extends Control {
  readonly #shape: ObjectShape;
  readonly #phase: Phase;
  readonly #progress: Progress;
  readonly #space: Space;
  readonly #kind: number;

  constructor(shape: ObjectShape, phase: Phase, progress: Progress, space: Space, kind: number) {
    super();
    this.#shape = shape;
    this.#phase = phase;
    this.#progress = progress;
    this.#space = space;
    this.#kind = kind;
  }

  /** Goes on behind a key of the kind that was found. */
  override after(key: Control): Control {
    return this.#phase === "key" ? this.#shape.at("colon", this.#progress, NO_SPACE, key.finished - 1) : this;
  }

  protected step(byte: number): readonly Control[] {
    const shape = this.#shape;
    const progress = this.#progress;
    const complete = shape.complete(progress);
    switch (this.#phase) {
      case "open":
        return byte === 0x7d ? (complete ? [FINISHED] : []) : this.#spaced(byte);
      case "member": {
        if (byte === 0x7d) return complete ? [FINISHED] : [];
        const more = this.#space === NO_SPACE && byte === 0x2c && shape.nextKey(progress) !== undefined;
        if (more) return [shape.at("comma", progress, NO_SPACE, -1)];
        return complete ? this.#spaced(byte) : [];
      }
      case "colon":
        return byte === 0x3a ? [shape.at("value", progress, NO_SPACE, this.#kind)] : [];
      case "value":
      case "comma":
        return this.#spaced(byte);
      case "key":
        return [];
    }
  }

  #spaced(byte: number): readonly Control[] {
    const space = spaceBehind(this.#space, byte);
    return space === undefined ? [] : [this.#shape.at(this.#phase, this.#progress, space, this.#kind)];
  }

  protected override called(): readonly Call[] {
    const shape = this.#shape;
    const progress = this.#progress;
    if (this.#phase === "value") {
      const enter = shape.values[this.#kind];
      const behind = shape.at("member", shape.withMember(progress, this.#kind), NO_SPACE, -1);
      return enter === undefined ? [] : [{ enter, behind }];
    }
    if (this.#phase !== "open" && this.#phase !== "comma") return [];
    const enter = shape.nextKey(progress);
    return enter === undefined ? [] : [{ enter, behind: shape.at("key", progress, NO_SPACE, -1) }];
  }
}

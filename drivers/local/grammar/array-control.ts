import { type Call, Control, FINISHED } from "./control.ts";
import { canDiffer, NO_WORDS, restsBehind, type Words } from "./distinct-words.ts";
import { Kept } from "./kept.ts";
import type { Value } from "./value.ts";
import { NO_SPACE, type Space, spaceBehind } from "./white-space.ts";

/** What an item may be, and the same for items that count for `contains`. */
export interface ItemValues {
  readonly plain: Value;
  readonly counted: Value | undefined;
}

export interface ArrayLimits {
  readonly least: number;
  readonly most: number;
  /** Items that must be, and may be, of the counted kind. */
  readonly leastCounted: number;
  readonly mostCounted: number;
  /** No two items are equal; then items are strings, numbers and the like, and each value has one text. */
  readonly distinct: boolean;
}

interface Progress {
  /** Items so far; counted no further than the limits and the first items need. */
  readonly index: number;
  readonly counted: number;
  /** The items so far, where they must differ. */
  readonly items: Words | undefined;
  /** Set where one more has been written, and it is not known which. */
  readonly unknown?: true;
}

/** Arrays of one shape. */
export class ArrayShape {
  readonly #first: readonly ItemValues[];
  readonly #rest: ItemValues;
  readonly #limits: ArrayLimits;
  readonly #controls = new Kept<Control>(5000);
  readonly #completable = new Map<string, boolean>();
  /** Positions from here on are alike. */
  readonly #steady: number;

  /** `first`: of the items in the first places; `rest`: of all others. */
  constructor(first: readonly ItemValues[], rest: ItemValues, limits: ArrayLimits) {
    this.#first = first;
    this.#rest = rest;
    this.#limits = limits;
    const { least, most } = limits;
    this.#steady = Math.max(first.length, most === Number.POSITIVE_INFINITY ? least : most);
  }

  get open(): Control {
    return this.at(
      "open",
      { index: 0, counted: 0, items: this.#limits.distinct ? NO_WORDS : undefined },
      NO_SPACE,
    );
  }

  at(phase: Phase, progress: Progress, space: Space): ArrayControl {
    const key = `${phase} ${space} ${nameOf(progress)}`;
    return this.#kept(key, () => new ArrayControl(this, phase, progress, space)) as ArrayControl;
  }

  /** `text`: undefined where it does not matter, as it does not for what can follow within one token. */
  distinctItem(
    inner: Control,
    rests: readonly string[],
    text: string | undefined,
    behind: Progress,
  ): Control {
    const written = text === undefined ? "any" : `text ${text}`;
    const key = `${written} ${inner.id} ${nameOf(behind)} ${JSON.stringify(rests)}`;
    return this.#kept(key, () => new DistinctItem(this, inner, rests, text, behind));
  }

  #kept(key: string, make: () => Control): Control {
    return this.#controls.get(key, make);
  }

  /** Whether there is such an array. */
  get possible(): boolean {
    const { least, distinct } = this.#limits;
    const places = Array.from(
      { length: distinct ? least : 0 },
      (_, index) => this.#first[index] ?? this.#rest,
    );
    // As many different items as there must be can be had where each place offers so many.
    if (places.some(({ plain }) => plain.scalars < least)) return false;
    return this.completable({ index: 0, counted: 0, items: undefined });
  }

  /** Whether the array may end here. */
  complete({ index, counted }: Progress): boolean {
    return index >= this.#limits.least && counted >= this.#limits.leastCounted;
  }

  /** What the next item may be, each with where the array stands behind it. */
  items(progress: Progress): readonly { readonly value: Value; readonly behind: Progress }[] {
    const { index, counted } = progress;
    if (index >= this.#limits.most) return [];
    const values = this.#first[index] ?? this.#rest;
    const next = Math.min(index + 1, this.#steady);
    const options = [{ value: values.plain, behind: { ...progress, index: next } }];
    if (values.counted !== undefined && counted < this.#limits.mostCounted) {
      const { leastCounted, mostCounted } = this.#limits;
      const most = mostCounted === Number.POSITIVE_INFINITY ? leastCounted : mostCounted;
      const more = Math.min(counted + 1, most);
      options.push({ value: values.counted, behind: { ...progress, index: next, counted: more } });
    }
    return options.filter(({ value, behind }) => !value.empty && this.completable(behind));
  }

  /** Whether an array that stands here can be completed. */
  completable(progress: Progress): boolean {
    const { index, counted } = progress;
    if (this.complete(progress)) return true;
    const key = `${index} ${counted}`;
    const known = this.#completable.get(key);
    if (known !== undefined) return known;
    // A way that leads back here leads nowhere.
    this.#completable.set(key, false);
    const completable = this.items(progress).length > 0;
    this.#completable.set(key, completable);
    return completable;
  }
}

const nameOf = ({ index, counted, items, unknown }: Progress): string =>
  `${index} ${counted} ${items?.id ?? ""} ${unknown ?? false}`;

type Phase =
  /** Behind the bracket. */
  | "open"
  /** Behind an item. */
  | "item"
  /** Behind a comma. */
  | "comma";

class ArrayControl extends Control {
  readonly #shape: ArrayShape;
  readonly #phase: Phase;
  readonly #progress: Progress;
  readonly #space: Space;

  constructor(shape: ArrayShape, phase: Phase, progress: Progress, space: Space) {
    super();
    this.#shape = shape;
    this.#phase = phase;
    this.#progress = progress;
    this.#space = space;
  }

  protected step(byte: number): readonly Control[] {
    const shape = this.#shape;
    const progress = this.#progress;
    const complete = shape.complete(progress);
    if (this.#phase !== "comma" && byte === 0x5d) return complete ? [FINISHED] : [];
    if (this.#phase === "item") {
      if (byte === 0x2c && this.#space === NO_SPACE && this.#canGoOn())
        return [shape.at("comma", progress, NO_SPACE)];
      return complete ? this.#spaced(byte) : [];
    }
    return [...this.#spaced(byte), ...this.#distinctItems(byte)];
  }

  #spaced(byte: number): readonly Control[] {
    const space = spaceBehind(this.#space, byte);
    return space === undefined ? [] : [this.#shape.at(this.#phase, this.#progress, space)];
  }

  #canGoOn(): boolean {
    const { items, unknown } = this.#progress;
    const written = items === undefined ? -1 : items.size + (unknown ? 1 : 0);
    return this.#shape.items(this.#progress).some(({ value }) => written < 0 || value.scalars > written);
  }

  #distinctItems(byte: number): Control[] {
    const { items, unknown } = this.#progress;
    if (items === undefined) return [];
    const text = String.fromCharCode(byte);
    const rests = items.behind(text);
    return this.#shape.items(this.#progress).flatMap(({ value, behind }) =>
      value
        .next(byte)
        .filter((next) => canDiffer(next, rests, unknown ? 1 : 0))
        .map((next) => (unknown ? UNKNOWN : this.#shape.distinctItem(next, rests, text, behind))),
    );
  }

  protected override called(): readonly Call[] {
    if (this.#phase === "item" || this.#progress.items !== undefined) return [];
    return this.#shape
      .items(this.#progress)
      .map(({ value, behind }) => ({ enter: value, behind: this.#shape.at("item", behind, NO_SPACE) }));
  }
}

/** An item that differs from those before it; the array goes on in the same frame, for which its text is remembered. */
class DistinctItem extends Control {
  readonly #shape: ArrayShape;
  readonly #inner: Control;
  /** What is left of the items that begin like this one. */
  readonly #rests: readonly string[];
  readonly #text: string | undefined;
  /** Behind the item, without it. */
  readonly #behind: Progress;

  constructor(
    shape: ArrayShape,
    inner: Control,
    rests: readonly string[],
    text: string | undefined,
    behind: Progress,
  ) {
    super();
    this.#shape = shape;
    this.#inner = inner;
    this.#rests = rests;
    this.#text = text;
    this.#behind = behind;
  }

  /** Without its text, which would make each of the many ways to go on another one. */
  override get unremembered(): Control {
    return this.#shape.distinctItem(this.#inner, this.#rests, undefined, this.#behind);
  }

  protected step(byte: number): readonly Control[] {
    const char = String.fromCharCode(byte);
    const text = this.#text === undefined ? undefined : this.#text + char;
    const rests = restsBehind(this.#rests, char);
    const longer = this.#inner
      .next(byte)
      .filter((next) => canDiffer(next, rests))
      .map((next) => this.#shape.distinctItem(next, rests, text, this.#behind));
    if (this.#inner.finished === 0 || this.#rests.includes("")) return longer;
    const { items = NO_WORDS } = this.#behind;
    const behind: Progress =
      this.#text === undefined
        ? { ...this.#behind, unknown: true }
        : { ...this.#behind, items: items.with(this.#text) };
    return [...longer, ...this.#shape.at("item", behind, NO_SPACE).next(byte)];
  }
}

/** The beginning of an item that may have to differ from one that is not known: no token goes beyond its first byte. */
class UnknownItem extends Control {
  protected step(): readonly Control[] {
    return [];
  }
}

const UNKNOWN = new UnknownItem();

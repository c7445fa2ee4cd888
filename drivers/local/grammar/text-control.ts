import { Automaton } from "./automaton.ts";
import { Control, Finished } from "./control.ts";
import { Kept } from "./kept.ts";

/** How characters become bytes: as they are in UTF-8, or within a JSON string, whose closing quote ends it. */
export type Encoding = "utf8" | "json";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Escapes of one letter; the letter and its character. */
const ESCAPES: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': '"', "\\": "\\", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }).map(
    ([letter, char]) => [letter.charCodeAt(0), char.charCodeAt(0)],
  ),
);
const ESCAPED: ReadonlySet<number> = new Set(ESCAPES.values());
/** Control characters that have no escape of one letter. */
const UNNAMED = Array.from({ length: 32 }, (_, char) => char).filter((char) => !ESCAPED.has(char));

/**
 * What lies between two characters: the beginning of one. Every character has one spelling, the one of JSON.stringify, so
 * that texts can be compared byte by byte and lengths be counted.
 */
export interface Part {
  readonly kind: "none" | "utf8" | "escape" | "hex";
  /** Of UTF-8: the bytes that are missing, and the characters that it may still become. */
  readonly missing: number;
  readonly low: number;
  readonly high: number;
}

export const NO_PART: Part = { kind: "none", missing: 0, low: 0, high: 0x10ffff };
const ESCAPE: Part = { kind: "escape", missing: 0, low: 0, high: BACKSLASH };
/** "u", "0", "0" and the first digit of the two that count. */
const hex = (missing: number, low: number, high: number): Part => ({ kind: "hex", missing, low, high });

const FINISHES = Array.from({ length: 2 }, (_, label) => new Finished(label));
const finished = new Kept<Finished>(1000);
const finish = (label: number): Finished => FINISHES[label] ?? finished.get(label, () => new Finished(label));

const strings = new WeakMap<Automaton, TextLanguage>();

const ANY_STRING = Automaton.counting({ least: 0, most: Number.POSITIVE_INFINITY });

export const anyString = (): Automaton => ANY_STRING;

/** Any JSON string. */
export const freeString = (): TextLanguage => TextLanguage.strings(anyString());

/** The words of an automaton, as bytes. */
export class TextLanguage {
  readonly automaton: Automaton;
  readonly encoding: Encoding;
  readonly #controls = new Kept<TextControl>(5000);

  /** The language of an automaton as JSON strings, which is the same for all who ask: so is what is known of its tokens. */
  static strings(automaton: Automaton): TextLanguage {
    let language = strings.get(automaton);
    if (language === undefined) {
      language = new TextLanguage(automaton, "json");
      strings.set(automaton, language);
    }
    return language;
  }

  constructor(automaton: Automaton, encoding: Encoding) {
    this.automaton = automaton;
    this.encoding = encoding;
  }

  /** At the beginning of a word; behind the opening quote where there is one. */
  get start(): TextControl {
    return this.at(0, NO_PART);
  }

  /** Where a word stands. */
  at(state: number, part: Part): TextControl {
    const { kind, missing, low, high } = part;
    const key = kind === "none" ? state : `${state} ${kind} ${missing} ${low} ${high}`;
    return this.#controls.get(key, () => new TextControl(this, state, part));
  }

  /** The control behind a character; undefined where it cannot follow. */
  behind(state: number, char: number): TextControl | undefined {
    const next = this.automaton.step(state, char);
    if (next < 0 || !this.keeps(next)) return undefined;
    // Where all strings can follow it is like any other string; of its tokens more is known than of this one's.
    if (this.encoding === "json" && this.automaton.free(next)) return freeString().at(0, NO_PART);
    return this.reached(next);
  }

  protected reached(state: number): TextControl {
    return this.at(state, NO_PART);
  }

  /** Whether a word of a wanted kind can be completed from a state on. */
  keeps(_state: number): boolean {
    return true;
  }

  /** The kind of the word that ends in a state; 0 for none that is wanted. */
  label(state: number): number {
    return this.automaton.label(state);
  }

  /** Whether one of the characters in a range, as far as they are spelled so, can follow. */
  possible(state: number, { kind, low, high }: Part): boolean {
    if (kind === "utf8") {
      for (const { state: next } of this.automaton.reached(state, low, high))
        if (this.keeps(next)) return true;
      return false;
    }
    const chars =
      kind === "escape" ? [...ESCAPED, ...UNNAMED] : UNNAMED.filter((char) => char >= low && char <= high);
    return chars.some((char) => this.behind(state, char) !== undefined);
  }

  /** Where most texts go on in the same way as from here. */
  wider({ state, part }: TextControl): Control | undefined {
    const beside = part.kind === "none" ? this.automaton.beside(state) : -1;
    return beside < 0 || beside === state ? undefined : this.behind(state, 0x10ffff);
  }

  /** Of the beginnings of characters that no word tells apart, always the same one. */
  alike(part: Part): Part {
    const width = 64 ** part.missing;
    if (part.kind !== "utf8" || part.high - part.low + 1 < width) return part;
    const [first, last] = this.automaton.around(part.low);
    const low = Math.ceil(first / width) * width;
    return part.high <= last && low < part.low ? { ...part, low, high: low + width - 1 } : part;
  }

  /** How many words can be completed from here. */
  words({ state, part: { kind, low, high } }: TextControl): number {
    if (kind === "none") return this.automaton.words(state);
    let sum = 0;
    if (kind === "utf8") {
      for (const { state: next, chars } of this.automaton.reached(state, low, high)) {
        sum += chars * this.automaton.words(next);
      }
      return sum;
    }
    for (const char of kind === "escape" ? [...ESCAPED, ...UNNAMED] : UNNAMED) {
      if (char >= low && char <= high) sum += this.automaton.words(this.automaton.step(state, char));
    }
    return sum;
  }
}

/** A place in a text. */
export class TextControl extends Control {
  readonly language: TextLanguage;
  readonly state: number;
  readonly part: Part;
  override readonly finished: number;

  constructor(language: TextLanguage, state: number, part: Part) {
    super();
    this.language = language;
    this.state = state;
    this.part = part;
    this.finished = language.encoding === "utf8" && part.kind === "none" ? language.label(state) : 0;
  }

  /** How many texts can be completed from here. */
  get words(): number {
    return this.language.words(this);
  }

  override get unremembered(): Control {
    const { state, part, language } = this;
    const alike = part.kind === "none" ? language.automaton.nearer(state) : state;
    return alike === state ? this : language.at(alike, part);
  }

  override get wider(): Control | undefined {
    return this.language.wider(this);
  }

  protected step(byte: number): readonly Control[] {
    const next = this.#behind(byte);
    return next === undefined ? [] : [next];
  }

  #behind(byte: number): Control | undefined {
    const { language, state, part } = this;
    switch (part.kind) {
      case "utf8":
        return (byte & 0xc0) === 0x80 ? this.#continued(byte) : undefined;
      case "escape": {
        if (byte === 0x75) return this.#partial(hex(4, 0, 31));
        const char = ESCAPES.get(byte);
        return char === undefined ? undefined : language.behind(state, char);
      }
      case "hex":
        return this.#hexDigit(byte);
      case "none":
        if (language.encoding === "json") {
          if (byte === BACKSLASH) return this.#partial(ESCAPE);
          const label = byte === QUOTE ? language.label(state) : 0;
          if (byte === QUOTE) return label > 0 ? finish(label) : undefined;
          if (byte < 0x20) return undefined;
        }
        return byte < 0x80 ? language.behind(state, byte) : this.#lead(byte);
    }
  }

  #lead(byte: number): Control | undefined {
    if (byte >= 0xc2 && byte <= 0xdf) return this.#utf8(1, byte & 0x1f);
    if (byte >= 0xe0 && byte <= 0xef) return this.#utf8(2, byte & 0x0f);
    if (byte >= 0xf0 && byte <= 0xf4) return this.#utf8(3, byte & 0x07);
    return undefined;
  }

  /** `bits`: the character's first ones; `missing` bytes bring six more each. */
  #utf8(missing: number, bits: number): Control | undefined {
    const first = [0, 0x80, 0x800, 0x10000][missing] ?? 0;
    const low = Math.max(bits << (6 * missing), first);
    const high = Math.min(((bits + 1) << (6 * missing)) - 1, 0x10ffff);
    return this.#partial({ kind: "utf8", missing, low, high });
  }

  #continued(byte: number): Control | undefined {
    const { missing, low, high } = this.part;
    const width = 1 << (6 * (missing - 1));
    // The range is that of the bytes so far, but for what is spelled shorter.
    const base = high - (high % (width * 64)) + (byte & 0x3f) * width;
    const from = Math.max(base, low);
    const to = Math.min(base + width - 1, high);
    if (from > to) return undefined;
    if (missing === 1) return this.language.behind(this.state, from);
    return this.#partial({ kind: "utf8", missing: missing - 1, low: from, high: to });
  }

  /** Of the four digits the first two are 0, the third 0 or 1. */
  #hexDigit(byte: number): Control | undefined {
    const { missing, low } = this.part;
    const digit = "0123456789abcdef".indexOf(String.fromCharCode(byte));
    if (digit < 0) return undefined;
    if (missing > 2) return digit === 0 ? this.#partial(hex(missing - 1, 0, 31)) : undefined;
    if (missing === 2) return digit < 2 ? this.#partial(hex(1, digit * 16, digit * 16 + 15)) : undefined;
    return ESCAPED.has(low + digit) ? undefined : this.language.behind(this.state, low + digit);
  }

  #partial(part: Part): Control | undefined {
    if (!this.language.possible(this.state, part)) return undefined;
    return this.language.at(this.state, this.language.alike(part));
  }
}

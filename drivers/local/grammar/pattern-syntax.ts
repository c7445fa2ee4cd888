import { type Budget, Unenforceable } from "./budget.ts";
import { type CharSet, charOf, charSet, charsOf, complement, union } from "./char-set.ts";
import { unicodeProperty } from "./unicode-property.ts";

/** A regular expression, taken apart. */
export type Pattern =
  | { readonly type: "chars"; readonly set: CharSet }
  | { readonly type: "sequence"; readonly parts: readonly Pattern[] }
  | { readonly type: "choice"; readonly options: readonly Pattern[] }
  | { readonly type: "repeat"; readonly part: Pattern; readonly least: number; readonly most: number }
  | { readonly type: "begin" }
  | { readonly type: "end" }
  /** What follows must begin with the part, or must not. */
  | { readonly type: "ahead"; readonly part: Pattern; readonly negative: boolean };

const DIGITS = charSet([0x30, 0x39]);
const WORD = charSet([0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]);
const SPACE = union(
  charsOf("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"),
  charSet([0x2000, 0x200a]),
);
const LINE_ENDS = charsOf("\n\r\u2028\u2029");
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };

/** Work that it takes to find the characters with a property, which may be known already. */
const PROPERTY = 100_000;
/** Work that each character, class or alternative of the expression takes later on. */
export const WORK_OF_ATOM = 20;
/** Groups within groups beyond this are refused. */
const DEEPEST = 100;

/** Parses ECMAScript's regular expressions, without what no automaton can do. Throws Unenforceable, TooComplex. */
export function parsePattern(source: string, budget: Budget): Pattern {
  const parser = new PatternParser(source, budget);
  const pattern = parser.choice(0);
  if (!parser.atEnd) throw parser.error("has a ')' too many");
  return pattern;
}

class PatternParser {
  readonly #chars: readonly string[];
  readonly #budget: Budget;
  #at = 0;
  #atoms = 0;

  constructor(source: string, budget: Budget) {
    budget.spend(source.length);
    this.#chars = [...source];
    this.#budget = budget;
  }

  get atEnd(): boolean {
    return this.#at >= this.#chars.length;
  }

  error(what: string): Unenforceable {
    return new Unenforceable("", `the regular expression ${what} (at character ${this.#at + 1})`);
  }

  choice(depth: number): Pattern {
    if (depth > DEEPEST) throw this.error(`has groups nested more than ${DEEPEST} deep`);
    const options = [this.#sequence(depth)];
    while (this.#take("|")) {
      this.#count();
      options.push(this.#sequence(depth));
    }
    return options.length === 1 && options[0] !== undefined ? options[0] : { type: "choice", options };
  }

  #sequence(depth: number): Pattern {
    const parts: Pattern[] = [];
    while (!this.atEnd && this.#peek !== "|" && this.#peek !== ")") parts.push(this.#repeated(depth));
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { type: "sequence", parts };
  }

  #repeated(depth: number): Pattern {
    let part = this.#atom(depth);
    for (;;) {
      const bounds = this.#bounds();
      if (bounds === undefined) return part;
      if (part.type === "begin" || part.type === "end" || part.type === "ahead") {
        throw this.error("repeats an assertion");
      }
      // Lazy or greedy: the words are the same.
      this.#take("?");
      part = { type: "repeat", part, least: bounds[0], most: bounds[1] };
    }
  }

  #bounds(): readonly [number, number] | undefined {
    if (this.#take("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.#take("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.#take("?")) return [0, 1];
    if (this.#peek !== "{") return undefined;
    const found = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(this.#chars.slice(this.#at, this.#at + 22).join(""));
    if (found === null) return undefined;
    this.#at += found[0].length;
    const least = Number(found[1]);
    const most =
      found[2] === undefined ? least : found[3] === "" ? Number.POSITIVE_INFINITY : Number(found[3]);
    if (most < least) throw this.error("has a quantifier whose bounds are out of order");
    return [least, most];
  }

  #atom(depth: number): Pattern {
    const char = this.#next();
    this.#count();
    switch (char) {
      case "^":
        return { type: "begin" };
      case "$":
        return { type: "end" };
      case ".":
        return { type: "chars", set: complement(LINE_ENDS) };
      case "[":
        return { type: "chars", set: this.#class() };
      case "(":
        return this.#group(depth);
      case "\\":
        return { type: "chars", set: this.#escape(false) };
      case "*":
      case "+":
      case "?":
        throw this.error("has a quantifier with nothing to repeat");
      default:
        return { type: "chars", set: charOf(char) };
    }
  }

  #group(depth: number): Pattern {
    let ahead: boolean | undefined;
    if (this.#take("?")) {
      const kind = this.#next();
      if (kind === "=" || kind === "!") ahead = kind === "!";
      else if (kind === "<" && this.#peek !== "=" && this.#peek !== "!") while (this.#next() !== ">");
      else if (kind !== ":") throw this.error(`uses '(?${kind}', which cannot be enforced`);
    }
    const inside = this.choice(depth + 1);
    if (!this.#take(")")) throw this.error("lacks a ')'");
    return ahead === undefined ? inside : { type: "ahead", part: inside, negative: ahead };
  }

  #class(): CharSet {
    const negative = this.#take("^");
    const sets: CharSet[] = [];
    for (let first = true; first || this.#peek !== "]"; first = false) {
      if (first && this.#peek === "]") break;
      const low = this.#classAtom();
      const ranged = this.#peek === "-" && this.#chars[this.#at + 1] !== "]";
      if (!ranged || low.length !== 1 || low[0]?.[0] !== low[0]?.[1]) {
        sets.push(low);
        continue;
      }
      this.#at += 1;
      const high = this.#classAtom();
      const [from, to] = [low[0]?.[0] ?? 0, high[0]?.[1] ?? 0];
      if (high.length !== 1 || high[0]?.[0] !== to) sets.push(low, charOf("-"), high);
      else if (to < from) throw this.error("has a range of characters that is out of order");
      else sets.push([[from, to]]);
    }
    this.#at += 1;
    const set = union(...sets);
    return negative ? complement(set) : set;
  }

  #classAtom(): CharSet {
    this.#count();
    const char = this.#next();
    return char === "\\" ? this.#escape(true) : charOf(char);
  }

  #escape(inClass: boolean): CharSet {
    const char = this.#next();
    const shorthand: Readonly<Record<string, CharSet>> = {
      d: DIGITS,
      D: complement(DIGITS),
      w: WORD,
      W: complement(WORD),
      s: SPACE,
      S: complement(SPACE),
    };
    const known = Object.hasOwn(shorthand, char) ? shorthand[char] : undefined;
    if (known !== undefined) return known;
    if (char === "b" && inClass) return charOf("\b");
    if (char === "b" || char === "B") throw this.error(`uses '\\${char}', which cannot be enforced`);
    if (/[1-9]/.test(char) || char === "k")
      throw this.error("uses a back reference, which cannot be enforced");
    const control = Object.hasOwn(CONTROLS, char) ? CONTROLS[char] : undefined;
    if (control !== undefined) return [[control, control]];
    if (char === "p" || char === "P") return this.#property(char === "P");
    if (char === "c") return charOf(String.fromCharCode((this.#next().codePointAt(0) ?? 0) % 32));
    if (char === "x") return this.#hexadecimal(2);
    if (char === "u") return this.#unicode();
    if (/[a-zA-Z]/.test(char)) throw this.error(`has an unknown escape '\\${char}'`);
    return charOf(char);
  }

  #unicode(): CharSet {
    if (this.#take("{")) {
      let digits = "";
      for (let char = this.#next(); char !== "}"; char = this.#next()) digits += char;
      const code = /^[0-9a-fA-F]{1,6}$/.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
      if (!(code <= 0x10ffff)) throw this.error("has an invalid escape");
      return [[code, code]];
    }
    const first = this.#hexadecimal(4);
    const high = first[0]?.[0] ?? 0;
    if (high < 0xd800 || high > 0xdbff || this.#peek !== "\\" || this.#chars[this.#at + 1] !== "u")
      return first;
    this.#at += 2;
    const low = this.#hexadecimal(4)[0]?.[0] ?? 0;
    if (low < 0xdc00 || low > 0xdfff) throw this.error("has half a surrogate pair");
    const code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return [[code, code]];
  }

  #hexadecimal(length: number): CharSet {
    const digits = Array.from({ length }, () => this.#next()).join("");
    if (!/^[0-9a-fA-F]+$/.test(digits)) throw this.error("has an invalid escape");
    const code = Number.parseInt(digits, 16);
    return [[code, code]];
  }

  #property(negative: boolean): CharSet {
    if (!this.#take("{")) throw this.error("has an invalid escape");
    let name = "";
    for (let char = this.#next(); char !== "}"; char = this.#next()) name += char;
    this.#budget.spendOnce(`\\p{${name}}`, PROPERTY);
    const set = unicodeProperty(name);
    if (set === undefined) throw this.error(`has an unknown character property '${name.slice(0, 64)}'`);
    this.#budget.spend(set.length);
    return negative ? complement(set) : set;
  }

  /** Throws TooComplex where there is more than can be compiled. */
  #count(): void {
    this.#atoms += 1;
    this.#budget.expect(this.#atoms * WORK_OF_ATOM);
  }

  get #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #next(): string {
    const char = this.#chars[this.#at];
    if (char === undefined) throw this.error("ends too early");
    this.#at += 1;
    return char;
  }

  #take(char: string): boolean {
    if (this.#peek !== char) return false;
    this.#at += 1;
    return true;
  }
}

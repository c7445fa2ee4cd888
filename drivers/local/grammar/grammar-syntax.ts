import { type Budget, Unenforceable } from "./budget.ts";
import { ANY_CHAR, type CharSet, charOf, charSet, complement } from "./char-set.ts";
import { type Pattern, WORK_OF_ATOM } from "./pattern-syntax.ts";

/** The right side of a rule. */
export type Expression =
  | { readonly type: "text"; readonly pattern: Pattern }
  | { readonly type: "rule"; readonly name: string }
  | { readonly type: "sequence"; readonly parts: readonly Expression[] }
  | { readonly type: "choice"; readonly options: readonly Expression[] }
  | { readonly type: "repeat"; readonly part: Expression; readonly least: number; readonly most: number };

export type Rules = ReadonlyMap<string, Expression>;

const DEEPEST = 100;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", 0: "\0" };

/**
 * Parses a grammar as llama.cpp (GBNF) and XGrammar (EBNF) write it: `name ::= …`, with "literals", [character classes],
 * `.`, groups, `|`, `*`, `+`, `?`, `{2,5}` and comments from `#` on. Throws Unenforceable, TooComplex.
 */
export function parseGrammar(source: string, budget: Budget): Rules {
  return new GrammarParser(source, budget).rules();
}

class GrammarParser {
  readonly #source: string;
  readonly #budget: Budget;
  #at = 0;

  constructor(source: string, budget: Budget) {
    budget.spend(source.length);
    this.#source = source;
    this.#budget = budget;
  }

  rules(): Rules {
    const rules = new Map<string, Expression>();
    for (this.#skip(); this.#at < this.#source.length; this.#skip()) {
      const name = this.#name();
      if (name === undefined) throw this.#error("a rule's name is expected");
      this.#skip();
      if (!this.#take("::=")) throw this.#error(`'::=' is expected behind the name '${name}'`);
      if (rules.has(name)) throw this.#error(`the rule '${name}' is there twice`);
      rules.set(name, this.#choice(0));
    }
    return rules;
  }

  #choice(depth: number): Expression {
    if (depth > DEEPEST) throw this.#error(`groups are nested more than ${DEEPEST} deep`);
    const options = [this.#sequence(depth)];
    for (this.#skip(); this.#take("|"); this.#skip()) {
      this.#budget.spend(WORK_OF_ATOM);
      options.push(this.#sequence(depth));
    }
    return options.length === 1 && options[0] !== undefined ? options[0] : { type: "choice", options };
  }

  #sequence(depth: number): Expression {
    const parts: Expression[] = [];
    for (let part = this.#item(depth); part !== undefined; part = this.#item(depth)) {
      this.#budget.spend(20);
      parts.push(part);
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { type: "sequence", parts };
  }

  /** undefined where the sequence ends: at a `|`, a `)`, the next rule or the end. */
  #item(depth: number): Expression | undefined {
    this.#skip();
    let part = this.#atom(depth);
    if (part === undefined) return undefined;
    for (;;) {
      const bounds = this.#bounds();
      if (bounds === undefined) return part;
      part = { type: "repeat", part, least: bounds[0], most: bounds[1] };
    }
  }

  #atom(depth: number): Expression | undefined {
    if (this.#take('"')) {
      const literal = this.#literal();
      this.#budget.expect(literal.length * WORK_OF_ATOM);
      return text(literal);
    }
    if (this.#take("[")) return chars(this.#class());
    if (this.#take(".")) return chars(ANY_CHAR);
    if (this.#take("(")) {
      const inside = this.#choice(depth + 1);
      this.#skip();
      if (!this.#take(")")) throw this.#error("a ')' is missing");
      return inside;
    }
    const before = this.#at;
    const name = this.#name();
    if (name === undefined) {
      const char = this.#source[this.#at];
      if (char === undefined || char === "|" || char === ")") return undefined;
      throw this.#error(`'${char}' is not understood`);
    }
    this.#skip();
    if (!this.#source.startsWith("::=", this.#at)) return { type: "rule", name };
    // The next rule begins here.
    this.#at = before;
    return undefined;
  }

  #bounds(): readonly [number, number] | undefined {
    if (this.#take("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.#take("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.#take("?")) return [0, 1];
    const [found, least = "", comma, last = ""] =
      this.#match(/\{\s*(\d{0,9})\s*(,?)\s*(\d{0,9})\s*\}/y) ?? [];
    if (found === undefined) return undefined;
    const from = Number(least);
    const to = comma === "" ? from : last === "" ? Number.POSITIVE_INFINITY : Number(last);
    if (to < from || (least === "" && last === ""))
      throw this.#error("the bounds of a repetition make no sense");
    return [from, to];
  }

  #literal(): string {
    let literal = "";
    while (!this.#take('"')) literal += this.#char();
    return literal;
  }

  #class(): CharSet {
    const negative = this.#take("^");
    const ranges: [number, number][] = [];
    while (!this.#take("]")) {
      const low = this.#char().codePointAt(0) ?? 0;
      const ranged = this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]";
      if (ranged) this.#at += 1;
      const high = ranged ? (this.#char().codePointAt(0) ?? 0) : low;
      if (high < low) throw this.#error("a range of characters is out of order");
      ranges.push([low, high]);
      this.#budget.spend(WORK_OF_ATOM);
    }
    const set = charSet(...ranges);
    return negative ? complement(set) : set;
  }

  #char(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) throw this.#error("a '\"' or a ']' is missing");
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    if (char !== "\\") return char;
    const letter = this.#source[this.#at] ?? "";
    this.#at += 1;
    const length = { x: 2, u: 4, U: 8 }[letter];
    if (length === undefined) return (Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined) ?? letter;
    const digits = this.#source.slice(this.#at, this.#at + length);
    const value = new RegExp(`^[0-9a-fA-F]{${length}}$`).test(digits)
      ? Number.parseInt(digits, 16)
      : Number.NaN;
    if (!(value <= 0x10ffff)) throw this.#error("an escape is not understood");
    this.#at += length;
    return String.fromCodePoint(value);
  }

  #name(): string | undefined {
    return this.#match(/[A-Za-z_][A-Za-z0-9_-]*/y)?.[0];
  }

  /** White space and comments. */
  #skip(): void {
    this.#match(/(\s|#[^\n]*(\n|$))*/y);
  }

  #match(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#source);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }

  #take(wanted: string): boolean {
    if (!this.#source.startsWith(wanted, this.#at)) return false;
    this.#at += wanted.length;
    return true;
  }

  #error(what: string): Unenforceable {
    const line = this.#source.slice(0, this.#at).split("\n").length;
    return new Unenforceable("", `${what} (line ${line} of the grammar)`);
  }
}

const chars = (set: CharSet): Expression => ({ type: "text", pattern: { type: "chars", set } });

const text = (literal: string): Expression => ({
  type: "text",
  pattern: {
    type: "sequence",
    parts: Array.from(literal, (char) => ({ type: "chars", set: charOf(char) })),
  },
});

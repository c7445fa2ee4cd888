import { callHead } from "../../core/generation.ts";

/** What a piece of an answer turned out to be. */
export type Reading =
  | { readonly type: "text"; readonly text: string }
  /** A call begins; `call` counts from 0. */
  | { readonly type: "call"; readonly call: number; readonly name: string }
  | { readonly type: "arguments"; readonly call: number; readonly text: string };

/** The functions that may be called; `only`: the answer is the arguments of this one. */
interface CallNames {
  readonly functions: readonly { readonly name: string }[];
  readonly only: { readonly name: string } | undefined;
}

/** Where a value of JSON stands that is read character by character. */
interface Depth {
  brackets: number;
  inString: boolean;
  escaped: boolean;
}

/**
 * Tells the calls of functions in an answer from its text while it grows. An answer that begins as a call does is one: its
 * form is what the answer was held to, so that nothing has to be guessed.
 */
export class CallReader {
  readonly #heads: readonly { readonly name: string; readonly head: string }[];
  #state: "open" | "text" | "arguments" | "behind";
  #held = "";
  #call = -1;
  #depth: Depth = { brackets: 0, inString: false, escaped: false };
  /** The whole answer is the arguments of one call. */
  readonly #bare: boolean;

  constructor({ functions, only }: CallNames) {
    this.#heads = functions.map(({ name }) => ({ name, head: callHead(name) }));
    this.#bare = only !== undefined;
    this.#state = "open";
  }

  /** How many calls have begun. */
  get calls(): number {
    return this.#call + 1;
  }

  /** What a call must be begins without a text of its own. */
  start(): Reading[] {
    const [only] = this.#heads;
    if (!this.#bare || only === undefined) return [];
    return [this.#begin(only.name)];
  }

  push(text: string): Reading[] {
    const readings: Reading[] = [];
    for (let rest = text; rest !== ""; ) {
      if (this.#state === "text") {
        readings.push({ type: "text", text: rest });
        rest = "";
      } else if (this.#state === "arguments") {
        rest = this.#argument(rest, readings);
      } else if (this.#state === "behind") {
        // `}` closes the call, and a line break leads to the next one.
        this.#state = rest.startsWith("\n") ? "open" : "behind";
        rest = rest.slice(1);
      } else {
        this.#held += rest;
        rest = this.#opened(readings);
      }
    }
    return readings;
  }

  /** What was held back at the end of an answer: it was no call. */
  finish(): Reading[] {
    const text = this.#state === "open" ? this.#held : "";
    this.#held = "";
    return text === "" ? [] : [{ type: "text", text }];
  }

  #begin(name: string): Reading {
    this.#call += 1;
    this.#state = "arguments";
    this.#depth = { brackets: 0, inString: false, escaped: false };
    return { type: "call", call: this.#call, name };
  }

  /** Decides, as soon as it can, what the held text is; gives what follows it. */
  #opened(readings: Reading[]): string {
    const found = this.#heads.find(({ head }) => this.#held.startsWith(head));
    if (found !== undefined) {
      const rest = this.#held.slice(found.head.length);
      this.#held = "";
      readings.push(this.#begin(found.name));
      return rest;
    }
    if (this.#heads.some(({ head }) => head.startsWith(this.#held))) return "";
    const rest = this.#held;
    this.#held = "";
    this.#state = "text";
    return rest;
  }

  /** Passes on the arguments up to their end; gives what follows them. */
  #argument(text: string, readings: Reading[]): string {
    const end = this.#bare ? text.length : endOfValue(text, this.#depth);
    if (end > 0) readings.push({ type: "arguments", call: this.#call, text: text.slice(0, end) });
    if (!this.#bare && this.#depth.brackets === 0) this.#state = "behind";
    return text.slice(end);
  }
}

/** Characters of `text` that belong to an object whose beginning has been read; `depth` is brought up to date. */
function endOfValue(text: string, depth: Depth): number {
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (depth.inString) {
      if (depth.escaped) depth.escaped = false;
      else if (character === "\\") depth.escaped = true;
      else if (character === '"') depth.inString = false;
      continue;
    }
    if (character === '"') depth.inString = true;
    else if (character === "{" || character === "[") depth.brackets += 1;
    else if (character === "}" || character === "]") {
      depth.brackets -= 1;
      if (depth.brackets === 0) return at + 1;
    }
  }
  return text.length;
}

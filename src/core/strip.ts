import type { GeneratedToken, GenerationEvent } from "./generation.ts";
import { unfinishedCharacter } from "./text-stream.ts";

/**
 * White space as Python's `str.strip` knows it, with which the pipeline strips an answer (CPython
 * Objects/unicodetype_db.h, `_PyUnicode_IsWhitespace`). JavaScript's `trim` differs in U+001C to U+001F, U+0085 and U+FEFF.
 */
const WHITE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const LEADING = new RegExp(`^[${WHITE}]*`);
const TRAILING = new RegExp(`[${WHITE}]*$`);
const NOTHING = new Uint8Array(0);

/**
 * Takes the white space from both ends of each answer while it streams: none goes out before the first other
 * character, and later white space waits for what follows it. The bytes of the tokens stay those of the text: a token
 * that loses all of it is dropped, one that loses a part is shortened.
 */
export async function* stripped(
  events: AsyncGenerator<GenerationEvent, void, undefined>,
): AsyncGenerator<GenerationEvent, void, undefined> {
  const answers = new Map<number, StrippedText>();
  for await (const event of events) {
    if (event.type === "start") {
      yield event;
      continue;
    }
    const { index } = event;
    const answer = answers.get(index) ?? new StrippedText();
    answers.set(index, answer);
    const { text, tokens } =
      event.type === "token" ? answer.push(event.text, event.tokens) : { text: "", tokens: answer.finish() };
    if (text !== "" || tokens.length > 0) yield { type: "token", index, text, tokens };
    if (event.type === "finish") yield event;
  }
}

interface PlacedToken {
  readonly token: GeneratedToken;
  /** Where its bytes begin and end in the answer before it is stripped. */
  readonly start: number;
  readonly end: number;
}

class StrippedText {
  /** White space that waits for what follows it. */
  #held = "";
  /** Bytes of leading white space. */
  #leading = 0;
  /**
   * Bytes up to the last character that was sent; less where U+FFFD was sent, which may stand for a single byte that
   * is no UTF-8. What that holds back is told when the answer ends.
   */
  #sent = 0;
  #begun = false;
  #placed = 0;
  readonly #pending: PlacedToken[] = [];

  push(text: string, tokens: readonly GeneratedToken[]): { text: string; tokens: GeneratedToken[] } {
    for (const token of tokens) {
      const start = this.#placed;
      this.#placed += token.control ? 0 : token.bytes.length;
      this.#pending.push({ token, start, end: this.#placed });
    }
    const whole = this.#held + text;
    const held = TRAILING.exec(whole)?.[0] ?? "";
    const sendable = whole.slice(0, whole.length - held.length);
    this.#held = held;
    if (sendable === "") return { text: "", tokens: [] };
    const leading = this.#begun ? "" : (LEADING.exec(sendable)?.[0] ?? "");
    if (!this.#begun) this.#leading = Buffer.byteLength(leading);
    this.#begun = true;
    this.#sent += Buffer.byteLength(sendable.replaceAll("\ufffd", "?"));
    return { text: sendable.slice(leading.length), tokens: this.#settled() };
  }

  /** What is left of the tokens once trailing white space, and an unfinished character after it, is gone. */
  finish(): GeneratedToken[] {
    const end = Buffer.concat(this.#pending.map(({ token }) => (token.control ? NOTHING : token.bytes)));
    this.#sent = this.#placed - unfinishedCharacter(end) - Buffer.byteLength(this.#held);
    return this.#pending.splice(0).flatMap((placed) => this.#trimmed(placed));
  }

  #settled(): GeneratedToken[] {
    const open = this.#pending.findIndex(({ end }) => end > this.#sent);
    const settled = this.#pending.splice(0, open < 0 ? this.#pending.length : open);
    return settled.flatMap((placed) => this.#trimmed(placed));
  }

  #trimmed({ token, start, end }: PlacedToken): GeneratedToken[] {
    if (token.control || start === end) return [token];
    const from = Math.max(start, this.#leading);
    const to = Math.min(end, this.#sent);
    if (from >= to) return [];
    if (from === start && to === end) return [token];
    return [{ ...token, bytes: token.bytes.slice(from - start, to - start) }];
  }
}

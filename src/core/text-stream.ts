import type { Token } from "./generation.ts";

export interface TextFragment<T extends Token> {
  /** Whole characters that can be sent now. */
  readonly text: string;
  /** Tokens that are settled: all of their text was sent, or what is left of it after a stop string cut it. */
  readonly tokens: readonly T[];
}

interface PendingToken<T> {
  readonly token: T;
  /** Where its bytes begin and end, counted from the beginning of the answer. */
  readonly start: number;
  readonly end: number;
}

/**
 * The text of one answer as it grows. Bytes are held back only while they are an unfinished character or may yet turn
 * out to be the beginning of a stop string; everything else is sent at once. It works on UTF-8 bytes, where a stop
 * string is found exactly where it would be found in the text.
 */
export class TextStream<T extends Token> {
  readonly #stops: readonly Uint8Array[];
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #held: Uint8Array = new Uint8Array(0);
  /** Bytes sent so far: where `#held` begins. */
  #sent = 0;
  readonly #pending: PendingToken<T>[] = [];
  readonly #includeStop: boolean;
  #stopped = false;
  /** Whether stop strings end the text already. */
  armed = true;

  /** `stopStrings`: each at least one character; `includeStop`: the one that ends the text is a part of it. */
  constructor(stopStrings: readonly string[], includeStop = false) {
    this.#includeStop = includeStop;
    this.#stops = stopStrings.map((stop) => new TextEncoder().encode(stop));
  }

  /** Whether a stop string has ended the text; what is pushed after it is lost. */
  get stopped(): boolean {
    return this.#stopped;
  }

  push(token: T): TextFragment<T> {
    if (this.#stopped) return { text: "", tokens: [] };
    const added = token.control ? new Uint8Array(0) : token.bytes;
    const start = this.#sent + this.#held.length;
    this.#pending.push({ token, start, end: start + added.length });
    this.#held = this.#held.length === 0 ? added : concatenate(this.#held, added);
    const found = this.armed ? earliest(this.#held, this.#stops) : undefined;
    if (found !== undefined) return this.#cut(found.at + (this.#includeStop ? found.length : 0));
    const awaited = this.armed ? stopPrefix(this.#held, this.#stops) : 0;
    const held = Math.max(unfinishedCharacter(this.#held), awaited);
    return this.#send(this.#held.length - held);
  }

  /** Sends what was held back; of an unfinished character at the very end only the tokens are told. */
  finish(): TextFragment<T> {
    const { text, tokens } = this.#send(this.#held.length - unfinishedCharacter(this.#held));
    const broken = this.#decoder.decode();
    return { text: text + broken, tokens: [...tokens, ...this.#pending.splice(0).map(({ token }) => token)] };
  }

  #send(length: number): TextFragment<T> {
    const text = this.#decoder.decode(this.#held.subarray(0, length), { stream: true });
    this.#held = this.#held.subarray(length);
    this.#sent += length;
    const settled = this.#pending.findIndex(({ end }) => end > this.#sent);
    const tokens = this.#pending.splice(0, settled < 0 ? this.#pending.length : settled);
    return { text, tokens: tokens.map(({ token }) => token) };
  }

  #cut(length: number): TextFragment<T> {
    this.#stopped = true;
    const { text, tokens } = this.#send(length);
    const [torn] = this.#pending.splice(0);
    this.#held = new Uint8Array(0);
    // A control token that stands just at the cut is pending with no bytes of its own: it comes after the text.
    return torn === undefined || torn.start >= this.#sent
      ? { text, tokens }
      : {
          text,
          tokens: [...tokens, { ...torn.token, bytes: torn.token.bytes.slice(0, this.#sent - torn.start) }],
        };
  }
}

function concatenate(left: Uint8Array, right: Uint8Array): Uint8Array {
  const joined = new Uint8Array(left.length + right.length);
  joined.set(left);
  joined.set(right, left.length);
  return joined;
}

/** Where the earliest of the stop strings begins, and its length; undefined where there is none. */
function earliest(
  bytes: Uint8Array,
  stops: readonly Uint8Array[],
): { at: number; length: number } | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let first: { at: number; length: number } | undefined;
  for (const stop of stops) {
    const at = buffer.indexOf(stop);
    if (at >= 0 && (first === undefined || at < first.at)) first = { at, length: stop.length };
  }
  return first;
}

/** Length of the longest end of `bytes` that is the beginning of a stop string. */
function stopPrefix(bytes: Uint8Array, stops: readonly Uint8Array[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, bytes.length); length > longest; length -= 1) {
      const begins = bytes.subarray(bytes.length - length).every((byte, index) => byte === stop[index]);
      if (begins) longest = length;
    }
  }
  return longest;
}

/** Length of an unfinished UTF-8 character at the end of `bytes`, 0 to 3. */
export function unfinishedCharacter(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? back : 0;
    }
  }
  return 0;
}

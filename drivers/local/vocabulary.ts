import type { Token } from "../../src/core/generation.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

/** A vocabulary as typed arrays, which travel to the engine process in one message. */
export interface PackedVocabulary {
  /** The bytes of all tokens, one after the other. */
  readonly bytes: Uint8Array;
  /** Token i is `bytes[offsets[i] .. offsets[i + 1])`; one more entry than there are tokens. */
  readonly offsets: Uint32Array;
  /** 1 for a control token. */
  readonly control: Uint8Array;
}

/** What each token id spells. Ids of padded rows, which no token has, spell nothing. */
export class Vocabulary {
  readonly #packed: PackedVocabulary;
  /** Token ids run from 0 to `size` - 1. */
  readonly size: number;

  constructor(packed: PackedVocabulary) {
    this.#packed = packed;
    this.size = packed.control.length;
  }

  /** `rows`: rows of the model's output matrix, at least the number of tokens. */
  static fromTokenizer(json: TokenizerJson, rows: number): Vocabulary {
    const spelled: Uint8Array[] = Array.from({ length: rows }, () => new Uint8Array(0));
    const control = new Uint8Array(rows);
    for (const [piece, id] of Object.entries(json.model.vocab)) {
      if (id < rows) spelled[id] = pieceBytes(piece);
    }
    const encoder = new TextEncoder();
    for (const { id, content, special } of json.added_tokens) {
      if (id >= rows) continue;
      spelled[id] = encoder.encode(content);
      control[id] = special ? 1 : 0;
    }
    const offsets = new Uint32Array(rows + 1);
    let length = 0;
    for (const [id, bytes] of spelled.entries()) {
      length += bytes.length;
      offsets[id + 1] = length;
    }
    const bytes = new Uint8Array(length);
    for (const [id, piece] of spelled.entries()) bytes.set(piece, offsets[id]);
    return new Vocabulary({ bytes, offsets, control });
  }

  pack(): PackedVocabulary {
    return this.#packed;
  }

  /** UTF-8 bytes of a token, a view; its name for a control token. */
  bytes(id: number): Uint8Array {
    const { bytes, offsets } = this.#packed;
    return bytes.subarray(offsets[id], offsets[id + 1]);
  }

  isControl(id: number): boolean {
    return this.#packed.control[id] === 1;
  }

  token(id: number): Token {
    return { id, bytes: this.bytes(id), control: this.isControl(id) };
  }
}

/**
 * Byte of each character of GPT-2's byte alphabet: printable Latin-1 characters stand for themselves, the other 68
 * bytes for the characters from U+0100 on. (openai/gpt-2 src/encoder.py, `bytes_to_unicode`)
 */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = (() => {
  const map = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte += 1) {
    const printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
    map.set(String.fromCharCode(printable ? byte : next), byte);
    if (!printable) next += 1;
  }
  return map;
})();

/** A character outside the alphabet stands for its own UTF-8, as in the tokens that were added as plain text. */
function pieceBytes(piece: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of piece) {
    const byte = BYTE_OF_CHARACTER.get(character);
    if (byte === undefined) bytes.push(...new TextEncoder().encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

import type { Vocabulary } from "../vocabulary.ts";

/**
 * What all tokens of a vocabulary spell, as a tree in one pass: a node behind the nodes that spell its beginning. Node i
 * is entered with `bytes[i]` at `depths[i]` (1 for a first byte), and what begins with it ends before `ends[i]`. Control
 * tokens and tokens that spell nothing are not in it.
 */
export class TokenTrie {
  readonly bytes: Uint8Array;
  readonly depths: Uint16Array;
  readonly ends: Uint32Array;
  /** The token that a node spells in full; -1 for none. */
  readonly tokens: Int32Array;
  /** Further tokens with the same spelling, by the one in `tokens`. */
  readonly others: ReadonlyMap<number, readonly number[]>;
  /** Longest token, in bytes. */
  readonly depth: number;

  constructor(vocabulary: Vocabulary) {
    const spelled: { id: number; bytes: Uint8Array }[] = [];
    for (let id = 0; id < vocabulary.size; id += 1) {
      const bytes = vocabulary.bytes(id);
      if (bytes.length > 0 && !vocabulary.isControl(id)) spelled.push({ id, bytes });
    }
    spelled.sort((a, b) => Buffer.compare(a.bytes, b.bytes) || a.id - b.id);
    const bytes: number[] = [];
    const depths: number[] = [];
    const tokens: number[] = [];
    const ends: number[] = [];
    const others = new Map<number, number[]>();
    /** Nodes that spell the last token's beginning. */
    const open: number[] = [];
    let last = new Uint8Array(0);
    for (const token of spelled) {
      let shared = 0;
      while (shared < last.length && last[shared] === token.bytes[shared]) shared += 1;
      if (shared === token.bytes.length) {
        const same = tokens[open[shared - 1] ?? 0] ?? -1;
        others.set(same, [...(others.get(same) ?? []), token.id]);
        continue;
      }
      for (const node of open.splice(shared)) ends[node] = bytes.length;
      for (let at = shared; at < token.bytes.length; at += 1) {
        open.push(bytes.length);
        bytes.push(token.bytes[at] ?? 0);
        depths.push(at + 1);
        tokens.push(-1);
      }
      tokens[bytes.length - 1] = token.id;
      last = new Uint8Array(token.bytes);
    }
    for (const node of open) ends[node] = bytes.length;
    this.bytes = Uint8Array.from(bytes);
    this.depths = Uint16Array.from(depths);
    this.ends = Uint32Array.from(ends);
    this.tokens = Int32Array.from(tokens);
    this.others = others;
    this.depth = depths.reduce((most, depth) => Math.max(most, depth), 0);
  }

  get size(): number {
    return this.bytes.length;
  }
}

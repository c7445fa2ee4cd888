import { hash32, hashPair } from "./hash.ts";

/** Characters of a block: some sixteen tokens, as engines' own cache blocks have. */
export const BLOCK_CHARACTERS = 64;
/** Blocks that are looked at: beyond this, prompts that begin alike are alike enough. */
const MOST_BLOCKS = 256;
/** Placements that are remembered for one block. */
const MOST_HOLDERS = 4;

/** Of each whole block of a text, a number that stands for the text up to its end: 53 bits. */
export function prefixBlocks(text: string): number[] {
  const blocks: number[] = [];
  const count = Math.min(MOST_BLOCKS, Math.floor(text.length / BLOCK_CHARACTERS));
  let low = 0;
  let high = 0;
  for (let at = 0; at < count; at += 1) {
    const block = text.slice(at * BLOCK_CHARACTERS, (at + 1) * BLOCK_CHARACTERS);
    low = hashPair(low, hash32(block));
    high = hashPair(high, hash32(block, 1));
    blocks.push((high & 0x1fffff) * 2 ** 32 + low);
  }
  return blocks;
}

/** Which placements have computed which beginnings of prompts, as far as this gateway sent them there. */
export class PrefixTable {
  readonly #capacity: number;
  /** Ids by block, the last one first; blocks in the order of their last use. */
  readonly #holders = new Map<number, string[]>();

  /** `capacity`: blocks that are remembered, the least recently used forgotten first. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many blocks of a prompt each placement has from its beginning on; those with none are absent. */
  depths(blocks: readonly number[]): Map<string, number> {
    const depths = new Map<string, number>();
    for (const [index, block] of blocks.entries()) {
      const holders = this.#holders.get(block) ?? [];
      for (const id of holders) if ((depths.get(id) ?? 0) === index) depths.set(id, index + 1);
      if (holders.length === 0) break;
    }
    return depths;
  }

  /** The placement computes a prompt of these blocks. */
  learn(blocks: readonly number[], id: string): void {
    // The beginning last: it is the last to be forgotten, for without it the rest is never found.
    for (const block of blocks.toReversed()) {
      const others = (this.#holders.get(block) ?? []).filter((holder) => holder !== id);
      this.#holders.delete(block);
      this.#holders.set(block, [id, ...others].slice(0, MOST_HOLDERS));
    }
    for (const block of this.#holders.keys()) {
      if (this.#holders.size <= this.#capacity) break;
      this.#holders.delete(block);
    }
  }
}

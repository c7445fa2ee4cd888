import { mixedBits } from "../../core/mixed-bits.ts";

/** FNV-1a over UTF-16 units (Fowler, Noll, Vo), whose bits murmur3's finalizer then mixes; 32 bits, unsigned. */
export function hash32(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mixedBits(hash);
}

/** The hash of a pair; not that of its other order. */
export const hashPair = (first: number, second: number): number =>
  mixedBits(Math.imul(first, 0x9e3779b1) ^ mixedBits(second));

/** Spreads 32 bits over all 32: the finaliser of MurmurHash3 (Austin Appleby, public domain). Unsigned. */
export function mixedBits(word: number): number {
  let bits = word ^ (word >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Code points as inclusive ranges `[low, high]`, ascending and apart from each other. */
export type CharSet = readonly (readonly [low: number, high: number])[];

const LAST = 0x10ffff;

/** Every character; half a surrogate pair is none. */
export const ANY_CHAR: CharSet = [
  [0, 0xd7ff],
  [0xe000, LAST],
];

export const charSet = (...ranges: (readonly [low: number, high: number])[]): CharSet => {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [low, high] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  return merged;
};

/** The characters of a string, each for itself. */
export const charsOf = (text: string): CharSet =>
  charSet(...Array.from(text, (char) => [char.codePointAt(0) ?? 0, char.codePointAt(0) ?? 0] as const));

/** One character. */
export const charOf = (char: string): CharSet => {
  const code = char.codePointAt(0) ?? 0;
  return [[code, code]];
};

export const union = (...sets: readonly CharSet[]): CharSet => charSet(...sets.flat());

export function intersection(a: CharSet, b: CharSet): CharSet {
  const common: [number, number][] = [];
  for (const [low, high] of a) {
    for (const [from, to] of b) {
      if (from <= high && to >= low) common.push([Math.max(low, from), Math.min(high, to)]);
    }
  }
  return charSet(...common);
}

/** All characters but these. */
export function complement(set: CharSet): CharSet {
  const rest: [number, number][] = [];
  let next = 0;
  for (const [low, high] of set) {
    if (low > next) rest.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= LAST) rest.push([next, LAST]);
  return intersection(rest, ANY_CHAR);
}

/** Where one of the sets begins or has just ended: between two such places, a character is as good as the next. */
export function borders(sets: Iterable<CharSet>): number[] {
  const places = new Set<number>([0]);
  for (const set of sets) {
    for (const [low, high] of set) {
      places.add(low);
      if (high < LAST) places.add(high + 1);
    }
  }
  return [...places].sort((a, b) => a - b);
}

export function contains(set: CharSet, char: number): boolean {
  let low = 0;
  let high = set.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = set[middle];
    if (range === undefined || char < range[0]) high = middle - 1;
    else if (char > range[1]) low = middle + 1;
    else return true;
  }
  return false;
}

import { ANY_CHAR, type CharSet, charSet, complement, intersection } from "./char-set.ts";
import { Kept } from "./kept.ts";

const properties = new Kept<CharSet | undefined>(100);

/** Characters that are looked at together; no chunk has both characters of one UTF-16 unit and of two. */
const CHUNK = 4096;

interface Chunk {
  readonly first: number;
  readonly last: number;
  /** All characters from the first to the last, or the first alone where they are alike. */
  readonly chars: string;
}

/** Characters that are alike: of planes that nothing is assigned in or that are for private use, but for their last two. */
const ALIKE: CharSet = [
  ...[4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map((plane) => uniform(plane, 0)),
  uniform(14, 0x1000),
  ...[15, 16].map((plane) => uniform(plane, 0)),
];

function uniform(plane: number, from: number): readonly [number, number] {
  return [plane * 0x10000 + from, plane * 0x10000 + 0xfffd];
}

let chunks: readonly Chunk[] | undefined;

/** The characters with a Unicode property, such as `L` or `Script=Greek`, which this JavaScript engine knows. */
export function unicodeProperty(name: string): CharSet | undefined {
  return /^[A-Za-z_=0-9]{1,64}$/.test(name) ? properties.get(name, () => found(name)) : undefined;
}

function found(name: string): CharSet | undefined {
  let expression: RegExp;
  try {
    expression = new RegExp(`\\p{${name}}+`, "gu");
  } catch {
    return undefined;
  }
  chunks ??= [...ALIKE.map(alike), ...intersection(complement(ALIKE), ANY_CHAR).flatMap(cut)];
  const ranges: [number, number][] = [];
  for (const { first, last, chars } of chunks) {
    const units = first < 0x10000 ? 1 : 2;
    for (const { 0: run, index } of chars.matchAll(expression)) {
      const low = first + index / units;
      ranges.push([low, run.length === chars.length ? last : low + run.length / units - 1]);
    }
  }
  return charSet(...ranges);
}

const alike = ([first, last]: readonly [number, number]): Chunk => ({
  first,
  last,
  chars: String.fromCodePoint(first),
});

function cut([low, high]: readonly [number, number]): Chunk[] {
  return Array.from({ length: Math.ceil((high - low + 1) / CHUNK) }, (_, at) => {
    const first = low + at * CHUNK;
    const last = Math.min(first + CHUNK - 1, high);
    const codes = Array.from({ length: last - first + 1 }, (_, more) => first + more);
    return { first, last, chars: String.fromCodePoint(...codes) };
  });
}

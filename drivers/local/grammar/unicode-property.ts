import { ANY_CHAR, type CharSet, charSet } from "./char-set.ts";
import { Kept } from "./kept.ts";

const properties = new Kept<CharSet | undefined>(100);

/** Characters that are looked at together; no chunk has both characters of one UTF-16 unit and of two. */
const CHUNK = 4096;

interface Chunk {
  readonly first: number;
  readonly chars: string;
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
  chunks ??= allChunks();
  const ranges: [number, number][] = [];
  for (const { first, chars } of chunks) {
    const units = first < 0x10000 ? 1 : 2;
    for (const { 0: run, index } of chars.matchAll(expression)) {
      const low = first + index / units;
      ranges.push([low, low + run.length / units - 1]);
    }
  }
  return charSet(...ranges);
}

function allChunks(): Chunk[] {
  return ANY_CHAR.flatMap(([low, high]) => {
    const count = Math.ceil((high - low + 1) / CHUNK);
    return Array.from({ length: count }, (_, at) => {
      const first = low + at * CHUNK;
      const length = Math.min(CHUNK, high - first + 1);
      return { first, chars: String.fromCodePoint(...Array.from({ length }, (_, more) => first + more)) };
    });
  });
}

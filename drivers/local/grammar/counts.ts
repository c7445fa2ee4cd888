import { ANY_CHAR } from "./char-set.ts";

/** How many characters there are. */
export const CHARS = ANY_CHAR.reduce((sum, [low, high]) => sum + high - low + 1, 0);

/** Texts of so many characters are more than anybody counts. */
const MANY = 8;

/** How many characters a text must and may have. */
export interface Counts {
  readonly least: number;
  readonly most: number;
}

/** How many texts complete one of `length` characters. */
export function countedWords({ least, most }: Counts, length: number): number {
  if (most - length > MANY) return Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let more = Math.max(0, least - length); more <= most - length; more += 1) sum += CHARS ** more;
  return sum;
}

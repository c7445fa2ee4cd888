import { ARRAY, type Conjunction, type Facts, itemMust, memberMust, OBJECT } from "./facts.ts";

/** First items that are looked at. */
const FIRST = 8;

/**
 * Whether a value of these facts cannot be, as its required members and items show. `depth`: how far to look; `ways`: the
 * ways to match a conjunction.
 */
export function impossible(
  { types, object, array }: Facts,
  depth: number,
  ways: (must: Conjunction) => readonly Facts[],
): boolean {
  if (depth === 0 || (types & ~(OBJECT | ARRAY)) !== 0) return false;
  const dead = (must: Conjunction) => ways(must).every((way) => impossible(way, depth - 1, ways));
  const noObject = (types & OBJECT) === 0 || object.required.some((name) => dead(memberMust(object, name)));
  if (!noObject) return false;
  const first = Array.from({ length: Math.min(array.least, FIRST) }, (_, index) => itemMust(array, index));
  return (types & ARRAY) === 0 || first.some(dead);
}

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;

/** Spaces or tabs that may stand at the beginning of a line. */
const MOST_INDENT = 40;

/**
 * White space between the tokens of a JSON text: none, one space, or one line feed and an indentation. More would let a
 * model that has lost its way write nothing else. 0 is where none has been written yet.
 */
export type Space = number;

export const NO_SPACE: Space = 0;
const ONE_SPACE: Space = 1;
const NEW_LINE: Space = 2;

/** What a byte makes of it; undefined where it cannot follow, or is no white space. */
export function spaceBehind(space: Space, byte: number): Space | undefined {
  if (space === NO_SPACE) return byte === SPACE ? ONE_SPACE : byte === LINE_FEED ? NEW_LINE : undefined;
  if (space === ONE_SPACE || space >= NEW_LINE + MOST_INDENT) return undefined;
  return byte === SPACE || byte === TAB ? space + 1 : undefined;
}

/** What no package registry offers and was run by hand, with what came of it: the last section of the report. */
export const byHand: readonly string[] = [];

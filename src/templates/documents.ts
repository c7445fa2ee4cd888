import type { ReferenceDocument } from "../core/template.ts";

/** Each document as one text, its title on a line of its own above it; a document with nothing in it is left out. */
export function documentTexts(documents: readonly ReferenceDocument[]): string[] {
  return documents
    .map(({ title = "", text }) => (title === "" ? text : `${title}\n${text}`))
    .filter((text) => text !== "");
}

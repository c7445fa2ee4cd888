import { z } from "zod";
import type { ConfigDocument } from "./document.ts";

/** The form that this gateway writes and describes. */
export const CONFIG_VERSION = 1;

/** `version` of the configuration. */
export const version = z
  .int()
  .min(1)
  .max(
    CONFIG_VERSION,
    `this dolly reads version ${CONFIG_VERSION}; a file of a newer form needs a newer dolly`,
  )
  .optional()
  .describe("The form of this file. A file of an older form is read with a warning that shows the new one.");

/** What to change in a file of an older form; empty for one of the present form. Its `where` names line and column. */
export function versionWarnings({ data, where }: Pick<ConfigDocument, "data" | "where">): string[] {
  if (typeof data !== "object" || data === null || "version" in data) return [];
  // Before there were versions, a file was what version 1 is, without the key that says so.
  return [
    `${where([])}: the file does not say its form, and is read as version ${CONFIG_VERSION}; write \`version: ${CONFIG_VERSION}\` as its first key, so that a later dolly reads it as it was meant`,
  ];
}

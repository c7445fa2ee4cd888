import type { Terminal } from "./terminal.ts";

/**
 * Control characters, but for line breaks and tabs, and those that turn the direction of a text: what a model or a file says
 * must not move the cursor, set the title or hide a part of itself.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const HARMFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text as it may be written to a terminal. */
export const visible = (text: string): string => text.replace(HARMFUL, "");

/** A terminal to which only visible text goes: for whatever another program, or a model, has a say in. */
export const onlyVisible = (terminal: Terminal): Terminal => ({
  ...terminal,
  print: (text) => terminal.print(visible(text)),
  note: (text) => terminal.note(visible(text)),
});

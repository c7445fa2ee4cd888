import type { Token } from "../../src/core/generation.ts";
import type { Prompt } from "../../src/core/prompt.ts";
import { GatewayError } from "../../src/errors.ts";

/** After the 256 bytes; so that every Dolly template can be served. */
export const CONTROL_TOKENS: readonly string[] = [
  "<|endoftext|>",
  "### End",
  "### Instruction:",
  "### Response:\n",
  "### Response:",
];

export const VOCABULARY_SIZE = 256 + CONTROL_TOKENS.length;
export const END_OF_TEXT = 256;
export const END = 257;

export function controlToken(text: string): number | undefined {
  const at = CONTROL_TOKENS.indexOf(text);
  return at < 0 ? undefined : 256 + at;
}

export function token(id: number): Token {
  const control = CONTROL_TOKENS[id - 256];
  if (control !== undefined) return { id, bytes: new TextEncoder().encode(control), control: true };
  return { id, bytes: Uint8Array.of(id), control: false };
}

/** One token a byte; control strings only where the prompt says so. */
export function encode({ parts }: Prompt): number[] {
  return parts.flatMap((part) => {
    if ("text" in part) return [...new TextEncoder().encode(part.text)];
    if ("markup" in part) return encodeMarkup(part.markup);
    if ("tokens" in part) return checked(part.tokens, "prompt");
    const id = controlToken(part.special);
    if (id === undefined) {
      throw new GatewayError("invalid_value", `There is no control token ${JSON.stringify(part.special)}.`);
    }
    return [id];
  });
}

function encodeMarkup(markup: string): number[] {
  const names = CONTROL_TOKENS.map((name) => name.replace(/[|]/g, "\\$&")).join("|");
  return markup
    .split(new RegExp(`(${names})`))
    .flatMap((piece) => controlToken(piece) ?? [...new TextEncoder().encode(piece)]);
}

export function decode(ids: readonly number[], control: boolean): string {
  const bytes = ids.map((id) => token(id)).filter((one) => control || !one.control);
  return Buffer.concat(bytes.map((one) => one.bytes)).toString("utf8");
}

/** Throws GatewayError `invalid_value` that names the first id outside the vocabulary. */
export function checked(ids: readonly number[], param: string): number[] {
  const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= VOCABULARY_SIZE);
  if (wrong === undefined) return [...ids];
  throw new GatewayError(
    "invalid_value",
    `Token id ${wrong} is outside the vocabulary: ids run from 0 to ${VOCABULARY_SIZE - 1}.`,
    { param },
  );
}

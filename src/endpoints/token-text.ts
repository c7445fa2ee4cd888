import type { Token } from "../core/generation.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A token as text. One that is not whole characters is written `bytes:\xNN…`, as OpenAI does, so that no two tokens
 * share a name.
 */
export function tokenText({ bytes }: Token): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return `bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
  }
}

/** How a token is named in log-probabilities: as text, or by its id. */
export const tokenName = (token: Token, asId: boolean): string =>
  asId ? `token_id:${token.id}` : tokenText(token);

/** JSON has no infinity: what is impossible gets the number that OpenAI writes for it. */
export const finite = (logprob: number): number => Math.max(logprob, -9999);

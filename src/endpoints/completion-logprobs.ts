import type { GeneratedToken, PromptToken } from "../core/generation.ts";
import { finite, tokenName } from "./token-text.ts";

/** OpenAI's form of log-probabilities on completions; the four lists are of the same length. */
export interface CompletionLogprobs {
  readonly tokens: string[];
  /** null for the first token of an echoed prompt, which nothing precedes; so in `top_logprobs`. */
  readonly token_logprobs: (number | null)[];
  readonly top_logprobs: (Record<string, number> | null)[];
  /** Characters (code points) before each token, counted from the beginning of the text, the echoed prompt included. */
  readonly text_offset: number[];
}

/** Writes the log-probabilities of one choice, piece by piece. */
export class LogprobWriter {
  /** Characters begun so far. */
  #offset = 0;
  readonly #asIds: boolean;

  /** `asIds`: tokens are named by their ids. */
  constructor(asIds = false) {
    this.#asIds = asIds;
  }

  write(tokens: readonly (GeneratedToken | PromptToken)[], options: { echoed: boolean }): CompletionLogprobs {
    const lists: CompletionLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    for (const token of tokens) {
      const name = tokenName(token, this.#asIds);
      const logprob = token.logprob ?? null;
      lists.tokens.push(name);
      lists.token_logprobs.push(logprob === null ? null : finite(logprob));
      lists.top_logprobs.push(
        logprob === null ? null : alternatives(name, logprob, token.top ?? [], this.#asIds),
      );
      lists.text_offset.push(this.#begin(token, options.echoed));
    }
    return lists;
  }

  #begin({ bytes, control }: GeneratedToken | PromptToken, echoed: boolean): number {
    // A token that goes on with a character stands where the character does.
    const at = isContinuation(bytes[0] ?? 0) ? this.#offset - 1 : this.#offset;
    if (!control || echoed) this.#offset += bytes.filter((byte) => !isContinuation(byte)).length;
    return Math.max(0, at);
  }
}

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

/** The chosen token comes last and is always among them, with the very number that `token_logprobs` has. */
function alternatives(
  name: string,
  logprob: number,
  top: NonNullable<GeneratedToken["top"]>,
  asIds: boolean,
): Record<string, number> {
  const entries = new Map(top.map((item) => [tokenName(item, asIds), finite(item.logprob)]));
  entries.set(name, finite(logprob));
  return Object.fromEntries(entries);
}

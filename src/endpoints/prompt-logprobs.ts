import type { PromptToken } from "../core/generation.ts";
import { finite, tokenText } from "./token-text.ts";

/** vLLM's form: by token id, that of the prompt's own token first. */
type Alternatives = Record<string, { logprob: number; rank: number | null; decoded_token: string }>;

/** Fields that vLLM adds to a response that reports its prompt. */
export interface PromptReport {
  /** null for the first token, which nothing precedes. */
  readonly prompt_logprobs?: readonly (Alternatives | null)[];
  readonly prompt_token_ids?: readonly number[];
}

/** The log-probabilities of a prompt's tokens with `count` alternatives each; a rank that is beyond those is null. */
export const promptLogprobs = (tokens: readonly PromptToken[], count: number): (Alternatives | null)[] =>
  tokens.map((token) => {
    if (token.logprob === null) return null;
    const top = token.top.slice(0, count);
    const rank = token.top.findIndex(({ id }) => id === token.id);
    const entries = top.map(({ logprob, ...one }, index): [string, Alternatives[string]] => [
      String(one.id),
      { logprob: finite(logprob), rank: index + 1, decoded_token: tokenText(one) },
    ]);
    const own = {
      logprob: finite(token.logprob),
      rank: rank < 0 ? null : rank + 1,
      decoded_token: tokenText(token),
    };
    return Object.fromEntries([...entries, [String(token.id), own]]);
  });

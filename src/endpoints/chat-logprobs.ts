import type { GeneratedToken } from "../core/generation.ts";
import { finite, tokenText } from "./token-text.ts";

/** Control tokens are left out: the bytes of the others, joined, are the answer's text. */
export const chatLogprobs = (tokens: readonly GeneratedToken[]) =>
  tokens
    .filter(({ control }) => !control)
    .map((token) => ({
      token: tokenText(token),
      logprob: finite(token.logprob ?? 0),
      bytes: [...token.bytes],
      top_logprobs: (token.top ?? []).map((alternative) => ({
        token: tokenText(alternative),
        logprob: finite(alternative.logprob),
        bytes: [...alternative.bytes],
      })),
    }));

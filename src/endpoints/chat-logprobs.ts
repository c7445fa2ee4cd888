import type { GeneratedToken } from "../core/generation.ts";
import { finite, tokenName } from "./token-text.ts";

/** Control tokens are left out: the bytes of the others, joined, are the answer's text. */
export const chatLogprobs = (tokens: readonly GeneratedToken[], asIds = false) =>
  tokens
    .filter(({ control }) => !control)
    .map((token) => ({
      token: tokenName(token, asIds),
      logprob: finite(token.logprob ?? 0),
      bytes: [...token.bytes],
      top_logprobs: (token.top ?? []).map((alternative) => ({
        token: tokenName(alternative, asIds),
        logprob: finite(alternative.logprob),
        bytes: [...alternative.bytes],
      })),
    }));

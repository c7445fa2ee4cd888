import type {
  GeneratedToken,
  GenerationEvent,
  PromptToken,
  TokenAlternative,
} from "../../src/core/generation.ts";
import { GatewayError } from "../../src/errors.ts";
import type { ScoredId } from "./logprobs.ts";
import type { WireError, WireEvent, WirePromptToken, WireToken } from "./protocol.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * Gives the ids of an engine's event their tokens back; throws where the event is an error. `controlText`: control tokens are a
 * part of the text.
 */
export function fromWire(
  event: Exclude<WireEvent, { type: "running" }>,
  vocabulary: Vocabulary,
  controlText = false,
): GenerationEvent {
  switch (event.type) {
    case "error":
      throw gatewayError(event);
    case "start": {
      const { promptTokenScores, ...start } = event;
      if (promptTokenScores === undefined) return start;
      return { ...start, promptLogprobs: promptTokenScores.map((token) => promptToken(token, vocabulary)) };
    }
    case "token":
      return {
        ...event,
        tokens: event.tokens.map((token) => generatedToken(token, vocabulary, controlText)),
      };
    case "finish":
      return event;
  }
}

/** An error as it travels; its cause stays. */
export const wireError = ({ code, message, retryAfter, param }: GatewayError): Omit<WireError, "type"> => ({
  code,
  message,
  ...(retryAfter === undefined ? {} : { retryAfter }),
  ...(param === null ? {} : { param }),
});

function gatewayError({ code, message, retryAfter, param }: WireError): GatewayError {
  return new GatewayError(code, message, {
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(param === undefined ? {} : { param }),
  });
}

function promptToken({ id, logprob, top }: WirePromptToken, vocabulary: Vocabulary): PromptToken {
  return { ...vocabulary.token(id), logprob, top: alternatives(top, vocabulary) };
}

function generatedToken(
  { id, cut, ends, logprob, top }: WireToken,
  vocabulary: Vocabulary,
  controlText: boolean,
): GeneratedToken {
  const { bytes, control } = vocabulary.token(id);
  const token = {
    id,
    bytes: cut === undefined ? bytes : bytes.slice(0, cut),
    control: (control && !controlText) || ends === true,
  };
  if (logprob === undefined) return token;
  return { ...token, logprob, top: alternatives(top ?? [], vocabulary) };
}

function alternatives(top: readonly ScoredId[], vocabulary: Vocabulary): TokenAlternative[] {
  return top.map(([id, logprob]) => ({ ...vocabulary.token(id), logprob }));
}

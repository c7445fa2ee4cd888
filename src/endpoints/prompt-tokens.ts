import type { Model } from "../core/driver.ts";
import type { Prompt } from "../core/prompt.ts";
import type { ChatMessage } from "../core/template.ts";
import { GatewayError } from "../errors.ts";

/** Ids of the tokens that end an answer: the prompt's own end strings and the tokenizer's end of text. */
export function stopTokens(model: Model, end: readonly string[]): number[] {
  const ids = [...end.map((name) => model.controlToken(name)), model.endOfText ?? undefined];
  return [...new Set(ids.filter((id) => id !== undefined))];
}

/**
 * Most tokens that an answer may have: what was asked for, cut down to what the context leaves.
 * `wanted` null: all of it. Throws GatewayError `context_length_exceeded` where it leaves nothing.
 */
export function answerLimit(
  model: Model,
  promptTokens: number,
  wanted: number | null,
  param: string,
): number {
  const room = model.contextLength - promptTokens;
  if (room < (wanted === 0 ? 0 : 1)) throw contextLengthExceeded(model.contextLength, promptTokens, param);
  return Math.min(wanted ?? room, room);
}

const contextLengthExceeded = (contextLength: number, promptTokens: number, param: string): GatewayError =>
  new GatewayError(
    "context_length_exceeded",
    `This model's maximum context length is ${contextLength} tokens, but your prompt has ${promptTokens} tokens, and an answer needs at least one. Please shorten the prompt.`,
    { param },
  );

export interface RenderedMessages {
  readonly prompt: Prompt;
  readonly tokens: readonly number[];
}

/**
 * The messages without as few of their oldest turns as make room for `room` more tokens; without all of them where
 * even that does not. System messages and the last question always stay. `shorter` drops one turn.
 */
export function dropOldestTurns(
  messages: readonly ChatMessage[],
  render: (messages: readonly ChatMessage[]) => RenderedMessages,
  shorter: (messages: readonly ChatMessage[]) => readonly ChatMessage[] | undefined,
  mostTokens: number,
): RenderedMessages {
  const candidates: (readonly ChatMessage[])[] = [];
  for (let next: typeof messages | undefined = messages; next !== undefined; next = shorter(next)) {
    candidates.push(next);
  }
  // Tokenising is what costs: fewer turns are never more tokens, so the border is found by halving.
  let low = 0;
  let high = candidates.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (render(candidates[middle] ?? messages).tokens.length <= mostTokens) high = middle;
    else low = middle + 1;
  }
  return render(candidates[low] ?? messages);
}

import { type output, z } from "zod";
import type { Model } from "../core/driver.ts";
import type { GenerationRequest } from "../core/generation.ts";
import type { ChatMessage } from "../core/template.ts";
import { GatewayError } from "../errors.ts";
import type { Route } from "../routing/route.ts";
import { withoutOldestTurn } from "../templates/conversation.ts";
import { chatMessages, documentsSchema, messagesSchema, referenceDocuments } from "./chat-messages.ts";
import {
  checkStreamOptions,
  commonParameters,
  optional,
  samplingOf,
  stopStrings,
  tokenLimit,
} from "./common-parameters.ts";
import { answerLimit, dropOldestTurns, type RenderedMessages, stopTokens } from "./prompt-tokens.ts";
import { type SchedulingParts, schedulingOf } from "./scheduling.ts";
import { constrained, responseFormat, structuredOutputs } from "./structured-output.ts";

/** Body of `POST /v1/chat/completions`. */
export const chatSchema = z.object({
  ...commonParameters,
  messages: messagesSchema,
  documents: documentsSchema,
  max_tokens: optional(tokenLimit()),
  max_completion_tokens: optional(tokenLimit()),
  logprobs: optional(z.boolean()).describe("Report the log-probability of each token."),
  top_logprobs: optional(z.int().min(0).max(20)).describe(
    "Alternatives beside each token; needs `logprobs`.",
  ),
  response_format: responseFormat,
  structured_outputs: structuredOutputs,
});

export type ChatBody = output<typeof chatSchema>;

/** Throws GatewayError where parameters contradict each other. */
export function checkChat(body: ChatBody): void {
  checkStreamOptions(body);
  if (body.top_logprobs !== undefined && body.logprobs !== true) {
    throw new GatewayError("invalid_value", "'top_logprobs' is only allowed when 'logprobs' is true.", {
      param: "top_logprobs",
    });
  }
  const { max_tokens, max_completion_tokens } = body;
  if (max_tokens === undefined || max_completion_tokens === undefined) return;
  if (max_tokens !== max_completion_tokens) {
    throw new GatewayError(
      "invalid_value",
      "'max_tokens' and 'max_completion_tokens' differ; send one of them.",
      { param: "max_tokens" },
    );
  }
}

/** The generation that a chat asks of a model. Throws GatewayError where it does not fit or makes no sense. */
export function chatGeneration(
  body: ChatBody,
  { route, tenant, model }: Omit<SchedulingParts, "prompt">,
): GenerationRequest {
  const wanted = body.max_completion_tokens ?? body.max_tokens ?? route.defaults.maxTokens;
  const { prompt, tokens } = rendered(body, route, model, wanted);
  return {
    prompt: tokens,
    choices: body.n ?? 1,
    maxTokens: answerLimit(model, tokens.length, wanted, "messages"),
    sampling: samplingOf(body, route.defaults, model),
    stopTokens: stopTokens(model, prompt.end),
    stopStrings: stopStrings(body),
    ...constrained(body),
    logprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : null,
    ...schedulingOf(body.priority, { route, tenant, model, prompt: tokens }),
    promptLogprobs: null,
  };
}

function rendered(body: ChatBody, route: Route, model: Model, wanted: number | null): RenderedMessages {
  const options = { multiTurn: route.multiTurn, documents: referenceDocuments(body.documents) };
  const render = (messages: readonly ChatMessage[]): RenderedMessages => {
    const prompt = route.template.render(messages, options);
    return { prompt, tokens: model.tokenize(prompt) };
  };
  const messages = chatMessages(body.messages);
  try {
    if (!route.truncateHistory) return render(messages);
    // The answer gets the room it asked for, as long as that is no more than half of the context.
    const half = Math.floor(model.contextLength / 2);
    const room = Math.min(wanted ?? half, half);
    return dropOldestTurns(messages, render, withoutOldestTurn, model.contextLength - room);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new GatewayError("invalid_value", `Invalid value for 'messages': ${cause.message}.`, {
      param: "messages",
      cause,
    });
  }
}

import type { Model } from "../core/driver.ts";
import type { GenerationRequest, Sampling } from "../core/generation.ts";
import type { ChatMessage, ReferenceDocument } from "../core/template.ts";
import { GatewayError } from "../errors.ts";
import type { Route } from "../routing/route.ts";
import { withoutOldestTurn } from "../templates/conversation.ts";
import { type endingOf, truncated } from "./common-parameters.ts";
import { answerLimit, dropOldestTurns, type RenderedMessages, stopTokens } from "./prompt-tokens.ts";
import { type SchedulingParts, schedulingOf } from "./scheduling.ts";
import { type ToolMessage, withoutCalls } from "./tools/history.ts";
import { toolInstruction } from "./tools/instruction.ts";
import type { ToolUse } from "./tools/tool-use.ts";

/** A conversation that is to be answered, whatever the API that it came by. */
export interface ConversationRequest {
  readonly messages: readonly ToolMessage[];
  readonly documents: readonly ReferenceDocument[];
  /** What the answer may do with functions. */
  readonly tools: ToolUse | undefined;
  /** Answers. */
  readonly choices: number;
  /** Most tokens of an answer; undefined: as the model's defaults say. */
  readonly maxTokens: number | undefined;
  readonly sampling: Sampling;
  /** What ends an answer, by the tokens that end the model's own. */
  ending(own: readonly number[]): ReturnType<typeof endingOf>;
  /** Tokens of the prompt's end that are kept; undefined: all; -1: as many as fit. */
  readonly keep: number | undefined;
  /** Alternatives to each prompt token whose log-probability is reported; null: none is. */
  readonly promptLogprobs: number | null;
  readonly stopStrings: readonly string[];
  readonly constraint: Pick<GenerationRequest, "constraint">;
  readonly logprobs: number | null;
  readonly priority: number | undefined;
  /** Whether the oldest turns are dropped where the context is full; undefined: as the config says. */
  readonly truncate: boolean | undefined;
  /** The request's field that holds the messages, for messages of errors. */
  readonly param: string;
}

/** The generation that a conversation asks of a model. Throws GatewayError where it does not fit or makes no sense. */
export function conversationGeneration(
  request: ConversationRequest,
  { route, tenant, model }: Omit<SchedulingParts, "prompt">,
): GenerationRequest {
  const wanted = request.maxTokens ?? route.defaults.maxTokens;
  const { prompt, tokens: whole } = rendered(request, { route, model, wanted });
  const tokens = truncated(whole, request.keep, { contextLength: model.contextLength, wanted });
  return {
    prompt: tokens,
    choices: request.choices,
    maxTokens: answerLimit(model, tokens.length, wanted, request.param),
    sampling: request.sampling,
    ...request.ending(stopTokens(model, prompt.end)),
    stopStrings: request.stopStrings,
    ...request.constraint,
    logprobs: request.logprobs,
    ...schedulingOf(request.priority, { route, tenant, model, prompt: tokens }),
    promptLogprobs: request.promptLogprobs,
  };
}

function rendered(
  request: ConversationRequest,
  { route, model, wanted }: { route: Route; model: Model; wanted: number | null },
): RenderedMessages {
  const { tools, param, truncate = route.truncateHistory } = request;
  const conversation = withoutCalls(request.messages);
  const documents = [...request.documents, ...conversation.results];
  const options = { multiTurn: route.multiTurn, documents };
  const render = (messages: readonly ChatMessage[]): RenderedMessages => {
    const prompt = route.template.render(messages, options);
    return { prompt, tokens: model.tokenize(prompt) };
  };
  const told: ChatMessage[] =
    tools === undefined ? [] : [{ role: "system", content: toolInstruction(tools) }];
  const messages = [...conversation.messages, ...told];
  try {
    if (!truncate) return render(messages);
    // The answer gets the room it asked for, as long as that is no more than half of the context.
    const half = Math.floor(model.contextLength / 2);
    const room = Math.min(wanted ?? half, half);
    return dropOldestTurns(messages, render, withoutOldestTurn, model.contextLength - room);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new GatewayError("invalid_value", `Invalid value for '${param}': ${cause.message}.`, {
      param,
      cause,
    });
  }
}

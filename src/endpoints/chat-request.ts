import { type output, z } from "zod";
import type { Model } from "../core/driver.ts";
import type { GenerationRequest } from "../core/generation.ts";
import type { ChatMessage } from "../core/template.ts";
import { GatewayError } from "../errors.ts";
import type { Route } from "../routing/route.ts";
import { withoutOldestTurn } from "../templates/conversation.ts";
import { documentsSchema, messagesSchema, referenceDocuments, toolMessages } from "./chat-messages.ts";
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
import { withoutCalls } from "./tools/history.ts";
import { toolInstruction } from "./tools/instruction.ts";
import {
  functionCallSchema,
  functionsSchema,
  parallelSchema,
  type ToolChoice,
  toolChoiceSchema,
  toolsSchema,
} from "./tools/parameters.ts";
import { type Choice, type ToolUse, toolUse } from "./tools/tool-use.ts";

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
  tools: toolsSchema,
  tool_choice: toolChoiceSchema,
  parallel_tool_calls: parallelSchema,
  functions: functionsSchema,
  function_call: functionCallSchema,
});

export type ChatBody = output<typeof chatSchema>;

/** What the answer may do with the functions of a request. Throws GatewayError. */
export function chatToolUse(body: ChatBody): ToolUse | undefined {
  const { tools = [], tool_choice, functions = [], function_call, parallel_tool_calls } = body;
  if (tools.length > 0 && functions.length > 0) {
    const message = "'functions' is the older form of 'tools'; send one of them.";
    throw new GatewayError("invalid_value", message, { param: "functions" });
  }
  if (functions.length > 0 || function_call !== undefined) {
    const offered = functions.map((one, index) => ({ ...one, param: `functions[${index}]` }));
    return toolUse(offered, oldChoice(function_call), { parallel: false, param: "function_call" });
  }
  const offered = tools.map((tool, index) => ({ ...tool.function, param: `tools[${index}].function` }));
  return toolUse(offered, choiceOf(tool_choice), {
    parallel: parallel_tool_calls ?? false,
    param: "tool_choice",
  });
}

function choiceOf(choice: ToolChoice): Choice | undefined {
  if (choice === undefined) return undefined;
  if (typeof choice === "string") return { mode: choice };
  if ("function" in choice) return { mode: "named", name: choice.function.name };
  const { mode, tools } = choice.allowed_tools;
  return { mode, among: tools.map((tool) => tool.function.name) };
}

function oldChoice(choice: ChatBody["function_call"]): Choice | undefined {
  if (choice === undefined) return undefined;
  return typeof choice === "string" ? { mode: choice } : { mode: "named", name: choice.name };
}

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
  const use = chatToolUse(body);
  const { prompt, tokens } = rendered(body, use, { route, model, wanted });
  return {
    prompt: tokens,
    choices: body.n ?? 1,
    maxTokens: answerLimit(model, tokens.length, wanted, "messages"),
    sampling: samplingOf(body, route.defaults, model),
    stopTokens: stopTokens(model, prompt.end),
    stopStrings: stopStrings(body),
    ...constrained(body, use),
    logprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : null,
    ...schedulingOf(body.priority, { route, tenant, model, prompt: tokens }),
    promptLogprobs: null,
  };
}

function rendered(
  body: ChatBody,
  use: ToolUse | undefined,
  { route, model, wanted }: { route: Route; model: Model; wanted: number | null },
): RenderedMessages {
  const conversation = withoutCalls(toolMessages(body.messages));
  const documents = [...referenceDocuments(body.documents), ...conversation.results];
  const options = { multiTurn: route.multiTurn, documents };
  const render = (messages: readonly ChatMessage[]): RenderedMessages => {
    const prompt = route.template.render(messages, options);
    return { prompt, tokens: model.tokenize(prompt) };
  };
  const told: ChatMessage[] = use === undefined ? [] : [{ role: "system", content: toolInstruction(use) }];
  const messages = [...conversation.messages, ...told];
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

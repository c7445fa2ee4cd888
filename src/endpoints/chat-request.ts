import { type output, z } from "zod";
import type { GenerationRequest } from "../core/generation.ts";
import { GatewayError } from "../errors.ts";
import { documentsSchema, messagesSchema, referenceDocuments, toolMessages } from "./chat-messages.ts";
import {
  checkCommon,
  commonParameters,
  endingOf,
  optional,
  samplingOf,
  stopStrings,
  tokenLimit,
} from "./common-parameters.ts";
import { conversationGeneration } from "./conversation-request.ts";
import type { SchedulingParts } from "./scheduling.ts";
import { constrained, responseFormat, structuredOutputs } from "./structured-output.ts";
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
  messages: messagesSchema.describe("The conversation; how it becomes a prompt is in docs/templates.md."),
  documents: documentsSchema,
  max_tokens: optional(tokenLimit()).describe("Most tokens of an answer."),
  max_completion_tokens: optional(tokenLimit()).describe("The newer name of `max_tokens`."),
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
  checkCommon(body, body.max_completion_tokens ?? body.max_tokens);
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
export function chatGeneration(body: ChatBody, parts: Omit<SchedulingParts, "prompt">): GenerationRequest {
  const tools = chatToolUse(body);
  return conversationGeneration(
    {
      messages: toolMessages(body.messages),
      documents: referenceDocuments(body.documents),
      tools,
      choices: body.n ?? 1,
      maxTokens: body.max_completion_tokens ?? body.max_tokens,
      sampling: samplingOf(body, parts.route.defaults, parts.model),
      ending: (own) => endingOf(body, own),
      keep: body.truncate_prompt_tokens,
      promptLogprobs: body.prompt_logprobs ?? null,
      stopStrings: stopStrings(body),
      constraint: constrained(body, tools),
      logprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : null,
      priority: body.priority,
      truncate: undefined,
      param: "messages",
    },
    parts,
  );
}

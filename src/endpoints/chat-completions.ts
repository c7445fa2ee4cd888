import { stripped } from "../core/strip.ts";
import type { ResolvedRoute } from "../routing/route.ts";
import { type ChatBody, chatGeneration, chatSchema, chatToolUse, checkChat } from "./chat-request.ts";
import { type ChatResponseOptions, chatChunks, chatCompletion } from "./chat-response.ts";
import { definePost } from "./define-endpoint.ts";
import type { EndpointContext, EndpointReply, EndpointRequest } from "./endpoint.ts";
import { withFallbacks } from "./fallbacks.ts";
import { chatRules } from "./parameter-rules.ts";
import { ReportedTokens } from "./reported-tokens.ts";
import { chatCompletionResponse } from "./response-schemas.ts";
import { ServedGeneration } from "./served-generation.ts";

export const chatCompletions = definePost({
  path: "/v1/chat/completions",
  summary: "Answer a conversation",
  body: chatSchema,
  rules: chatRules,
  response: chatCompletionResponse,
  async handle(request, context) {
    const { body } = request;
    checkChat(body);
    return withFallbacks(context.services, body.model, (resolved) => chatReply(resolved, request, context));
  },
});

async function chatReply(
  { route }: ResolvedRoute,
  request: EndpointRequest<ChatBody>,
  context: EndpointContext,
): Promise<EndpointReply> {
  const { body, signal, tenant } = request;
  const tools = chatToolUse(body);
  const served = new ServedGeneration(route, "chat", context, request);
  const reported = body.return_token_ids === true ? new ReportedTokens() : undefined;
  const raw = served.generate(
    (model) => {
      const generation = chatGeneration(body, { route, tenant, model });
      reported?.prompt(0, generation.prompt);
      return generation;
    },
    () => JSON.stringify(body.messages),
    signal,
  );
  const told = reported?.watch(raw, 0) ?? raw;
  const events = route.template.strip ? stripped(told) : told;
  const options: ChatResponseOptions = {
    choices: body.n ?? 1,
    logprobs: body.logprobs ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    asTokenIds: body.return_tokens_as_token_ids ?? false,
    reported,
    promptLogprobs: body.prompt_logprobs,
    tools,
    oldCalls: (body.functions ?? []).length > 0,
    head: served.head("chatcmpl-"),
    callId: () => context.newId("call_"),
  };
  return body.stream
    ? { kind: "events", events: chatChunks(events, options) }
    : { kind: "json", body: await chatCompletion(events, options) };
}

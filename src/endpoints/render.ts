import type { Model } from "../core/driver.ts";
import { chatGeneration, chatSchema, checkChat } from "./chat-request.ts";
import {
  checkCompletion,
  completionGeneration,
  completionPrompts,
  completionSchema,
} from "./completion-request.ts";
import { definePost } from "./define-endpoint.ts";
import { chatRules, completionRules } from "./parameter-rules.ts";
import { renderedListResponse, renderedResponse } from "./response-schemas.ts";

/** A prompt as the model gets it: its text with the control tokens by their names, and its tokens. */
const shown = (model: Model, tokens: readonly number[]) => ({
  prompt: model.detokenize(tokens, { control: true }),
  prompt_token_ids: tokens,
});

export const renderChat = definePost({
  path: "/v1/chat/completions/render",
  summary: "Show the prompt that a conversation becomes, without answering it",
  body: chatSchema,
  rules: chatRules,
  response: renderedResponse,
  streams: false,
  async handle({ body, signal, tenant }, { services }) {
    checkChat(body);
    const { route } = services.resolve(body.model);
    const rendered = await services.withModel(
      route,
      (model) => shown(model, chatGeneration(body, { route, tenant, model }).prompt),
      signal,
    );
    return { kind: "json", body: rendered };
  },
});

export const renderCompletion = definePost({
  path: "/v1/completions/render",
  summary: "Show the prompt that is continued, or each of several, without continuing it",
  body: completionSchema,
  rules: completionRules,
  response: renderedListResponse,
  streams: false,
  async handle({ body, signal, tenant }, { services }) {
    const resolved = services.resolve(body.model);
    checkCompletion(body, resolved);
    const rendered = await services.withModel(
      resolved.route,
      (model) =>
        completionPrompts(body).map((prompt) =>
          shown(model, completionGeneration(body, prompt, { ...resolved, tenant, model }).prompt),
        ),
      signal,
    );
    const several = Array.isArray(body.prompt) && typeof body.prompt[0] !== "number";
    return { kind: "json", body: several ? rendered : (rendered[0] ?? {}) };
  },
});

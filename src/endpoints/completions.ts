import { merge } from "../core/merge.ts";
import { stripped } from "../core/strip.ts";
import type { ResolvedRoute } from "../routing/route.ts";
import {
  type CompletionBody,
  checkCompletion,
  completionGeneration,
  completionPrompts,
  completionSchema,
  drawnChoices,
} from "./completion-request.ts";
import { type CompletionResponseOptions, completion, completionChunks } from "./completion-response.ts";
import { definePost } from "./define-endpoint.ts";
import type { EndpointContext, EndpointReply, EndpointRequest } from "./endpoint.ts";
import { withFallbacks } from "./fallbacks.ts";
import { completionRules } from "./parameter-rules.ts";
import { ReportedTokens } from "./reported-tokens.ts";
import { completionResponse } from "./response-schemas.ts";
import { ServedGeneration } from "./served-generation.ts";

export const completions = definePost({
  path: "/v1/completions",
  summary: "Continue prompts, or follow them as instructions under an instruct name",
  body: completionSchema,
  rules: completionRules,
  response: completionResponse,
  async handle(request, context) {
    const { body } = request;
    return withFallbacks(context.services, body.model, (resolved) => {
      checkCompletion(body, resolved);
      return completionReply(resolved, request, context);
    });
  },
});

async function completionReply(
  resolved: ResolvedRoute,
  request: EndpointRequest<CompletionBody>,
  context: EndpointContext,
): Promise<EndpointReply> {
  const { body, tenant } = request;
  const { route, instruct } = resolved;
  const served = new ServedGeneration(route, "text_completion", context, request);
  const prompts = completionPrompts(body);
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  /** Texts of prompts that came as token ids; only a model can tell them. */
  const spelled = new Map<number, string>();
  const reported = body.return_token_ids === true ? new ReportedTokens() : undefined;
  const streams = prompts.map((prompt, index) => {
    const events = served.generate(
      (model) => {
        const generation = completionGeneration(body, prompt, { ...resolved, tenant, model });
        reported?.prompt(index, generation.prompt);
        if (
          body.echo &&
          (typeof prompt.content !== "string" || (body.truncate_prompt_tokens !== undefined && !instruct))
        ) {
          spelled.set(index, model.detokenize(generation.prompt, { control: true }));
        }
        return generation;
      },
      () => prefixOf(prompt.content),
      signal,
    );
    const told = reported?.watch(events, index) ?? events;
    return instruct && route.template.strip ? stripped(told) : told;
  });
  const options: CompletionResponseOptions = {
    prompts: prompts.length,
    choices: body.n ?? 1,
    drawn: drawnChoices(body),
    logprobs: body.logprobs,
    asTokenIds: body.return_tokens_as_token_ids ?? false,
    reported,
    promptLogprobs: body.prompt_logprobs,
    includeUsage: body.stream_options?.include_usage ?? false,
    head: served.head("cmpl-"),
    echo(index) {
      if (!body.echo) return "";
      const content = spelled.get(index) ?? prompts[index]?.content;
      // The training pipeline's `return_full_text` puts one line break between instruction and answer.
      return typeof content === "string" ? content + (instruct ? "\n" : "") : "";
    },
  };
  const events = merge(streams, () => stop.abort());
  return body.stream
    ? { kind: "events", events: completionChunks(events, options) }
    : { kind: "json", body: await completion(events, options) };
}

const prefixOf = (content: string | readonly number[]): string =>
  typeof content === "string" ? content : content.join(" ");

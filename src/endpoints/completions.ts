import { stripped } from "../core/strip.ts";
import {
  checkCompletion,
  completionGeneration,
  completionPrompts,
  completionSchema,
  drawnChoices,
} from "./completion-request.ts";
import { type CompletionResponseOptions, completion, completionChunks } from "./completion-response.ts";
import { definePost } from "./define-endpoint.ts";
import { merge } from "./merge.ts";
import { completionRules } from "./parameter-rules.ts";
import { completionResponse } from "./response-schemas.ts";
import { ServedGeneration } from "./served-generation.ts";

export const completions = definePost({
  path: "/v1/completions",
  summary: "Continue prompts, or follow them as instructions under an instruct name",
  body: completionSchema,
  rules: completionRules,
  response: completionResponse,
  async handle(request, context) {
    const { body, tenant } = request;
    const resolved = context.services.resolve(body.model);
    checkCompletion(body, resolved);
    const { route, instruct } = resolved;
    const served = new ServedGeneration(route, "text_completion", context, request);
    const prompts = completionPrompts(body);
    const stop = new AbortController();
    const signal = AbortSignal.any([request.signal, stop.signal]);
    /** Texts of prompts that came as token ids; only a model can tell them. */
    const spelled = new Map<number, string>();
    const streams = prompts.map((prompt, index) => {
      const events = served.generate((model) => {
        if (body.echo && typeof prompt.content !== "string") {
          spelled.set(index, model.detokenize(prompt.content, { control: true }));
        }
        return completionGeneration(body, prompt, { ...resolved, tenant, model });
      }, signal);
      return instruct && route.template.strip ? stripped(events) : events;
    });
    const options: CompletionResponseOptions = {
      prompts: prompts.length,
      choices: body.n ?? 1,
      drawn: drawnChoices(body),
      logprobs: body.logprobs !== undefined,
      includeUsage: body.stream_options?.include_usage ?? false,
      head: served.head("cmpl-"),
      echo(index) {
        if (!body.echo) return "";
        const content = prompts[index]?.content;
        // The training pipeline's `return_full_text` puts one line break between instruction and answer.
        return typeof content === "string" ? content + (instruct ? "\n" : "") : (spelled.get(index) ?? "");
      },
    };
    const events = merge(streams, () => stop.abort());
    return body.stream
      ? { kind: "events", events: completionChunks(events, options) }
      : { kind: "json", body: await completion(events, options) };
  },
});

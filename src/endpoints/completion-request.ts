import { type output, z } from "zod";
import type { Model } from "../core/driver.ts";
import { type GenerationRequest, NEUTRAL } from "../core/generation.ts";
import type { Prompt } from "../core/prompt.ts";
import type { GenerationDefaults } from "../core/template.ts";
import { GatewayError } from "../errors.ts";
import type { ResolvedRoute } from "../routing/route.ts";
import {
  checkCommon,
  commonParameters,
  endingOf,
  optional,
  samplingOf,
  stopStrings,
  text,
  truncated,
} from "./common-parameters.ts";
import { answerLimit, stopTokens } from "./prompt-tokens.ts";
import { type SchedulingParts, schedulingOf } from "./scheduling.ts";
import { constrained, structuredOutputs } from "./structured-output.ts";

const MOST_PROMPTS = 32;

const string = () => text().min(1, "an empty prompt has no token to go on from");
const tokenIds = z.array(z.int().min(0)).min(1, "an empty prompt has no token to go on from");

const prompt = z
  .union([
    string(),
    tokenIds,
    z.array(string()).min(1).max(MOST_PROMPTS),
    z.array(tokenIds).min(1).max(MOST_PROMPTS),
  ])
  .describe("A string, a list of strings, token ids, or a list of lists of token ids.");

/** Body of `POST /v1/completions`. */
export const completionSchema = z.object({
  ...commonParameters,
  prompt,
  max_tokens: optional(z.int().min(0)).describe("Most tokens of an answer; 0 with `echo` scores the prompt."),
  echo: optional(z.boolean()).describe("Begin each answer with its prompt."),
  logprobs: optional(z.int().min(0).max(20)).describe(
    "Log-probabilities of this many tokens in each place: up to 5, or the model's `max_logprobs`.",
  ),
  best_of: optional(z.int().min(0).max(20)).describe(
    "Draw so many answers and send the `n` whose tokens are likeliest on average; not with `stream`.",
  ),
  structured_outputs: structuredOutputs,
});

export type CompletionBody = output<typeof completionSchema>;

/** How many answers are drawn for each prompt; all but `n` of them are dropped. */
export const drawnChoices = ({ n, best_of }: CompletionBody): number => best_of || (n ?? 1);

/** One prompt of a request, and where it stands in it. */
export interface CompletionPrompt {
  readonly content: string | readonly number[];
  /** `prompt` or `prompt[3]` */
  readonly param: string;
}

/** Throws GatewayError where parameters contradict each other. */
export function checkCompletion(body: CompletionBody, { instruct, route }: ResolvedRoute): void {
  checkCommon(body, body.max_tokens);
  const refuse = (param: string, message: string): never => {
    throw new GatewayError("unsupported_parameter", message, { param });
  };
  const invalid = (param: string, message: string): never => {
    throw new GatewayError("invalid_value", message, { param });
  };
  if ((body.logprobs ?? 0) > route.maxLogprobs) {
    invalid("logprobs", `'logprobs' of this model is at most ${route.maxLogprobs}.`);
  }
  const drawn = drawnChoices(body);
  if (drawn < (body.n ?? 1)) invalid("best_of", "'best_of' must not be less than 'n'.");
  if (drawn > (body.n ?? 1) && body.stream) {
    invalid("best_of", "'best_of' cannot be streamed: which answers are the best is known at the end.");
  }
  if (!instruct) return;
  if (body.echo && body.logprobs !== undefined) {
    refuse(
      "echo",
      "'echo' with 'logprobs' is not supported under an instruct name: use the model's own name.",
    );
  }
  if (completionPrompts(body).some(({ content }) => typeof content !== "string")) {
    refuse(
      "prompt",
      "Token ids are not supported under an instruct name: the prompt is an instruction there.",
    );
  }
}

export function completionPrompts({ prompt }: CompletionBody): CompletionPrompt[] {
  if (typeof prompt === "string") return [{ content: prompt, param: "prompt" }];
  const ids = prompt.filter((item) => typeof item === "number");
  if (ids.length > 0) return [{ content: ids, param: "prompt" }];
  return prompt
    .filter((item) => typeof item !== "number")
    .map((content, index) => ({ content, param: `prompt[${index}]` }));
}

/** OpenAI's defaults of `/v1/completions`. */
const rawDefaults: GenerationDefaults = {
  ...NEUTRAL,
  maxTokens: 16,
};

/** The generation that one prompt asks of a model. Throws GatewayError where it does not fit. */
export function completionGeneration(
  body: CompletionBody,
  { content, param }: CompletionPrompt,
  { route, instruct, tenant, model }: ResolvedRoute & Omit<SchedulingParts, "prompt">,
): GenerationRequest {
  const asInstruction = (text: string): Prompt =>
    route.template.render([{ role: "user", content: text }], { multiTurn: route.multiTurn, documents: [] });
  const asWritten = (): Prompt => ({
    parts: [typeof content === "string" ? { markup: content } : { tokens: content }],
    end: route.template.end,
  });
  const prompt = instruct && typeof content === "string" ? asInstruction(content) : asWritten();
  const whole = tokenize(model, prompt, param);
  const defaults = instruct ? route.defaults : rawDefaults;
  const wanted = body.max_tokens ?? defaults.maxTokens;
  const tokens = truncated(whole, body.truncate_prompt_tokens, {
    contextLength: model.contextLength,
    wanted,
  });
  const logprobs = body.logprobs ?? null;
  const chooses = drawnChoices(body) > (body.n ?? 1);
  return {
    prompt: tokens,
    choices: drawnChoices(body),
    maxTokens: answerLimit(model, tokens.length, wanted, param),
    sampling: samplingOf(body, defaults, model),
    ...endingOf(body, stopTokens(model, prompt.end)),
    stopStrings: stopStrings(body),
    ...constrained(body),
    logprobs: chooses ? (logprobs ?? 0) : logprobs,
    ...schedulingOf(body.priority, { route, tenant, model, prompt: tokens }),
    promptLogprobs: most(body.prompt_logprobs ?? null, body.echo ? logprobs : null),
  };
}

const most = (one: number | null, other: number | null): number | null =>
  one === null ? other : Math.max(one, other ?? 0);

/** A model does not know which field its tokens come from. */
function tokenize(model: Model, prompt: Prompt, param: string): number[] {
  try {
    return model.tokenize(prompt);
  } catch (cause) {
    if (!(cause instanceof GatewayError) || cause.param !== null) throw cause;
    throw new GatewayError(cause.code, cause.message, { param, cause });
  }
}

import { type output, z } from "zod";
import type { Model } from "../core/driver.ts";
import type { GenerationRequest, Sampling } from "../core/generation.ts";
import type { GenerationDefaults } from "../core/template.ts";
import { GatewayError } from "../errors.ts";

/** An optional parameter; `null` is the same as absent. */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

/** Text that every tokenizer can take: half a surrogate pair is no character. */
export const text = () =>
  z.string().refine((value) => value.isWellFormed(), "it holds a lone surrogate, which is no character");

export const tokenLimit = () => z.int().min(1);

const MOST_BIASES = 1024;

const logitBias = z
  .record(z.string().regex(/^\d{1,9}$/, "its keys must be token ids"), z.number().min(-100).max(100))
  .refine((value) => Object.keys(value).length <= MOST_BIASES, `it may have at most ${MOST_BIASES} entries`);

const MOST_STOP_TOKENS = 128;

const stopString = () => text().check(z.minLength(1), z.maxLength(256));

/** Parameters that both generating endpoints honour, with OpenAI's ranges. */
export const commonParameters = {
  model: optional(z.string()).describe("Name or alias of a model; required unless the server has a default."),
  temperature: optional(z.number().min(0).max(2)).describe("0 takes the most likely token."),
  top_p: optional(z.number().gt(0).max(1)).describe("1 turns it off."),
  top_k: optional(z.int().min(-1)).describe("0 or -1 turns it off."),
  min_p: optional(z.number().min(0).max(1)).describe("0 turns it off."),
  presence_penalty: optional(z.number().min(-2).max(2)).describe(
    "Subtracted once from tokens that the answer has already.",
  ),
  frequency_penalty: optional(z.number().min(-2).max(2)).describe(
    "Subtracted for each time that the answer has a token.",
  ),
  repetition_penalty: optional(z.number().min(0.01).max(10)).describe(
    "Makes tokens of the prompt and the answer less likely above 1; Hugging Face's formula.",
  ),
  logit_bias: optional(logitBias).describe("Added to the logits of the tokens with these ids."),
  seed: optional(z.int()).describe("Makes the answer repeatable."),
  stop: optional(z.union([stopString(), z.array(stopString()).max(4)])).describe(
    "Up to 4 strings that end the answer and are no part of it.",
  ),
  stop_token_ids: optional(z.array(z.int().min(0)).max(MOST_STOP_TOKENS)).describe(
    "Ids of tokens that end the answer, beside the model's own.",
  ),
  ignore_eos: optional(z.boolean()).describe("Go on behind the tokens that end the model's answers."),
  min_tokens: optional(z.int().min(0)).describe("Before so many tokens, nothing ends the answer."),
  include_stop_str_in_output: optional(z.boolean()).describe(
    "The stop string or token that ended the answer is a part of it.",
  ),
  skip_special_tokens: optional(z.boolean()).describe("false: control tokens are a part of the text."),
  return_tokens_as_token_ids: optional(z.boolean()).describe("Tokens in log-probabilities are `token_id:N`."),
  return_token_ids: optional(z.boolean()).describe(
    "Report `prompt_token_ids` and each answer's `token_ids`.",
  ),
  truncate_prompt_tokens: optional(
    z
      .int()
      .min(-1)
      .refine((value) => value !== 0, "it must be -1 or above 0"),
  ).describe("Keep the prompt's last tokens, so many; -1: as many as leave room for the answer."),
  prompt_logprobs: optional(z.int().min(0).max(20)).describe(
    "Report the log-probability of each prompt token, and of so many alternatives; not with `stream`.",
  ),
  n: optional(z.int().min(1).max(8)).describe("How many answers."),
  priority: optional(
    z
      .int()
      .min(-(2 ** 31))
      .max(2 ** 31 - 1),
  ).describe("Of the requests that wait, those with a lower number go first; 0 by default."),
  stream: optional(z.boolean()).describe("Send the answer as server-sent events."),
  stream_options: optional(
    z.object({
      include_usage: optional(z.boolean()).describe("A last chunk tells the usage."),
      include_obfuscation: optional(z.boolean()).describe("No effect: chunks are never padded."),
    }),
  ).describe(
    "Only with `stream`: `include_usage` ends it with the usage; `include_obfuscation` has no effect.",
  ),
};

const commonSchema = z.object(commonParameters);
export type CommonParameters = output<typeof commonSchema>;

/** Throws GatewayError where `stream_options` come without `stream`; an explicit `stream: false` leaves them unused. */
function checkStreamOptions({ stream, stream_options }: CommonParameters): void {
  if (stream_options === undefined || stream !== undefined) return;
  throw new GatewayError("invalid_value", "'stream_options' is only allowed when 'stream' is true.", {
    param: "stream_options",
  });
}

export const stopStrings = ({ stop }: CommonParameters): readonly string[] =>
  typeof stop === "string" ? [stop] : (stop ?? []);

/** Throws GatewayError for a `logit_bias` outside the model's vocabulary. */
export function samplingOf(
  body: Partial<CommonParameters>,
  defaults: GenerationDefaults,
  model: Model,
): Sampling {
  const logitBias = Object.entries(body.logit_bias ?? {}).map(([id, bias]) => [Number(id), bias] as const);
  const outside = logitBias.find(([id]) => id >= model.vocabularySize);
  if (outside !== undefined) {
    throw new GatewayError(
      "invalid_value",
      `Invalid value for 'logit_bias': the vocabulary has no token ${outside[0]}; ids go from 0 to ${model.vocabularySize - 1}.`,
      { param: "logit_bias" },
    );
  }
  return {
    temperature: body.temperature ?? defaults.temperature,
    topP: body.top_p ?? defaults.topP,
    topK: Math.max(0, body.top_k ?? defaults.topK),
    minP: body.min_p ?? defaults.minP,
    presencePenalty: body.presence_penalty ?? defaults.presencePenalty,
    frequencyPenalty: body.frequency_penalty ?? defaults.frequencyPenalty,
    logitBias,
    seed: body.seed ?? null,
    repetitionPenalty: body.repetition_penalty ?? 1,
  };
}

/** Throws GatewayError where what ends an answer, or is reported of it, contradicts itself. */
export function checkCommon(body: CommonParameters, mostTokens: number | undefined): void {
  checkStreamOptions(body);
  const invalid = (param: string, message: string) => new GatewayError("invalid_value", message, { param });
  if (body.min_tokens !== undefined && mostTokens !== undefined && body.min_tokens > mostTokens) {
    throw invalid(
      "min_tokens",
      `'min_tokens' (${body.min_tokens}) must not be more than 'max_tokens' (${mostTokens}).`,
    );
  }
  if (body.prompt_logprobs !== undefined && body.stream === true) {
    throw invalid("prompt_logprobs", "'prompt_logprobs' cannot be streamed.");
  }
}

/** What ends an answer, as a part of its generation; `own`: the tokens that end the model's answers. */
export const endingOf = (
  body: Partial<CommonParameters>,
  own: readonly number[],
): Pick<GenerationRequest, "stopTokens" | "minTokens" | "includeStop" | "controlText"> => ({
  stopTokens: [...new Set([...(body.ignore_eos === true ? [] : own), ...(body.stop_token_ids ?? [])])],
  minTokens: body.min_tokens ?? 0,
  includeStop: body.include_stop_str_in_output ?? false,
  controlText: body.skip_special_tokens === false,
});

/** The tokens of a prompt that are kept; `wanted`: most tokens of the answer, null: as many as there is room for. */
export function truncated(
  tokens: readonly number[],
  keep: number | undefined,
  { contextLength, wanted }: { readonly contextLength: number; readonly wanted: number | null },
): readonly number[] {
  if (keep === undefined) return tokens;
  const room = Math.max(1, contextLength - Math.max(1, wanted ?? 1));
  return tokens.slice(-(keep === -1 ? room : keep));
}

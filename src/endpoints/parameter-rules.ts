import { GatewayError } from "../errors.ts";

/** A parameter that changes an answer in OpenAI's API or in another engine, and that no answer here is changed by. */
export interface RefusedParameter {
  /** Why it is refused, or what does its work here, for the documentation. */
  readonly why: string;
  /** Whether a value asks for nothing; `null` never does. */
  readonly neutral: (value: unknown) => boolean;
}

/** Known parameters of an endpoint that its schema does not read. */
export interface ParameterRules {
  /** Accepted, whatever they say; with what becomes of them, for the documentation. */
  readonly accepted: Readonly<Record<string, string>>;
  /** Refused by name, unless the value is neutral. */
  readonly refused: Readonly<Record<string, RefusedParameter>>;
}

export const refused = (neutral: RefusedParameter["neutral"], why: string): RefusedParameter => ({
  why,
  neutral,
});

export const never = (): boolean => false;
export const equals =
  (...neutral: readonly unknown[]) =>
  (value: unknown): boolean =>
    neutral.includes(value);
export const isEmpty = (value: unknown): boolean =>
  value === "" ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === "object" && value !== null && Object.keys(value).length === 0);
const isTextFormat = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "type" in value && value.type === "text";
const isTextOnly = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => item === "text");

const SESSION = "No effect on the answer; names the request's session where `session_affinity` is on.";
const UNSEEN = "No effect: it is about OpenAI's platform.";

/** Fields of OpenAI's clients that are about the request, not about its answer. */
export const accompanying: ParameterRules["accepted"] = {
  user: SESSION,
  safety_identifier: SESSION,
  prompt_cache_key: SESSION,
  prompt_cache_retention:
    "No effect: a prompt is kept while there is room, and its memory never leaves the machine.",
  service_tier: UNSEEN,
};

/** The family's tokenizers add none to a prompt. */
const addSpecialTokens = { add_special_tokens: "No effect: the family's tokenizers add none." };

const OTHER_NAME = (name: string): string => `Known from other engines; \`${name}\` does this here.`;
const NOT_HERE = "A sampler of other engines that this one has not.";

const refusedEverywhere: ParameterRules["refused"] = {
  repeat_penalty: refused(equals(1), OTHER_NAME("repetition_penalty")),
  length_penalty: refused(equals(1), "There is no beam search."),
  use_beam_search: refused(equals(false), "There is no beam search."),
  bad_words: refused(isEmpty, OTHER_NAME("logit_bias")),
  allowed_token_ids: refused(isEmpty, OTHER_NAME("structured_outputs")),
  logits_processors: refused(isEmpty, "No code of a request is run."),
  typical_p: refused(equals(1), NOT_HERE),
  tfs_z: refused(equals(1), NOT_HERE),
  mirostat: refused(equals(0), NOT_HERE),
  dry_multiplier: refused(equals(0), NOT_HERE),
  xtc_probability: refused(equals(0), NOT_HERE),
  grammar: refused(isEmpty, OTHER_NAME("structured_outputs.grammar")),
  json_schema: refused(isEmpty, OTHER_NAME("structured_outputs.json")),
  guided_json: refused(isEmpty, OTHER_NAME("structured_outputs.json")),
  guided_regex: refused(isEmpty, OTHER_NAME("structured_outputs.regex")),
  guided_choice: refused(isEmpty, OTHER_NAME("structured_outputs.choice")),
  guided_grammar: refused(isEmpty, OTHER_NAME("structured_outputs.grammar")),
};

const TEXT_ONLY = "The family reads and writes text.";
const OWN_TEMPLATE = "The template is the model's own (docs/templates.md).";

export const chatRules: ParameterRules = {
  accepted: {
    ...accompanying,
    ...addSpecialTokens,
    store: "No effect: chat completions are not stored; `/v1/responses` are.",
    metadata: "No effect: chat completions are not stored.",
  },
  refused: {
    ...refusedEverywhere,
    audio: refused(never, TEXT_ONLY),
    modalities: refused(isTextOnly, TEXT_ONLY),
    prediction: refused(never, "The engines take no text that is expected."),
    web_search_options: refused(never, "Nothing is looked up."),
    reasoning_effort: refused(equals("none"), "The family does not reason before it answers."),
    verbosity: refused(equals("medium"), "The family was not trained to be more or less wordy."),
    moderation: refused(isEmpty, "Nothing is moderated."),
    best_of: refused(equals(1), "Of `/v1/completions`."),
    echo: refused(equals(false), "Of `/v1/completions`."),
    continue_final_message: refused(equals(false), OWN_TEMPLATE),
    add_generation_prompt: refused(equals(true), OWN_TEMPLATE),
    chat_template: refused(never, OWN_TEMPLATE),
    chat_template_kwargs: refused(isEmpty, OWN_TEMPLATE),
  },
};

export const completionRules: ParameterRules = {
  accepted: {
    ...accompanying,
    ...addSpecialTokens,
    store: "No effect: completions are not stored.",
    metadata: "No effect: completions are not stored.",
  },
  refused: {
    ...refusedEverywhere,
    response_format: refused(isTextFormat, OTHER_NAME("structured_outputs")),
    suffix: refused(isEmpty, "The family was not trained to fill in the middle."),
    tools: refused(isEmpty, "Of `/v1/chat/completions`."),
    messages: refused(never, "Of `/v1/chat/completions`."),
  },
};

/** Throws GatewayError `unsupported_parameter` for the first refused parameter that asks for something. */
export function refuseUnsupported(body: object, rules: ParameterRules): void {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(rules.refused, name) || value === null || rules.refused[name]?.neutral(value))
      continue;
    throw new GatewayError(
      "unsupported_parameter",
      `The parameter '${name}' is not supported with this model.`,
      {
        param: name,
      },
    );
  }
}

const LISTED_NAMES = 16;

/** Names in the body that nobody knows, as far as they can stand in a header. */
export function ignoredNames(body: object, known: readonly string[], rules: ParameterRules): string[] {
  return Object.keys(body)
    .filter((name) => !known.includes(name) && !Object.hasOwn(rules.accepted, name))
    .filter((name) => !Object.hasOwn(rules.refused, name) && /^[\w.-]{1,64}$/.test(name))
    .slice(0, LISTED_NAMES);
}

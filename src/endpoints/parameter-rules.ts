import { GatewayError } from "../errors.ts";

/** Known parameters of an endpoint that its schema does not read. */
export interface ParameterRules {
  /** Accepted; they have no effect on the answer. */
  readonly accepted: readonly string[];
  /** Refused by name, unless the value is neutral: one that asks for nothing. `null` always is. */
  readonly refused: Readonly<Record<string, (value: unknown) => boolean>>;
}

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

/** `add_special_tokens`: the family's tokenizers add none to a prompt. */
const acceptedEverywhere = ["user", "add_special_tokens"];

/** Parameters that change an answer in OpenAI's API or in other engines and that no endpoint here honours. */
const refusedEverywhere: ParameterRules["refused"] = {
  repeat_penalty: equals(1),
  length_penalty: equals(1),
  use_beam_search: equals(false),
  bad_words: isEmpty,
  allowed_token_ids: isEmpty,
  logits_processors: isEmpty,
  typical_p: equals(1),
  tfs_z: equals(1),
  mirostat: equals(0),
  dry_multiplier: equals(0),
  xtc_probability: equals(0),
  grammar: isEmpty,
  json_schema: isEmpty,
  guided_json: isEmpty,
  guided_regex: isEmpty,
  guided_choice: isEmpty,
  guided_grammar: isEmpty,
};

export const chatRules: ParameterRules = {
  accepted: [
    ...acceptedEverywhere,
    "store",
    "metadata",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
  ],
  refused: {
    ...refusedEverywhere,
    audio: never,
    modalities: isTextOnly,
    prediction: never,
    web_search_options: never,
    reasoning_effort: equals("none"),
    verbosity: equals("medium"),
    best_of: equals(1),
    echo: equals(false),
    continue_final_message: equals(false),
    add_generation_prompt: equals(true),
    chat_template: never,
    chat_template_kwargs: isEmpty,
  },
};

export const completionRules: ParameterRules = {
  accepted: [...acceptedEverywhere, "store", "metadata", "service_tier"],
  refused: {
    ...refusedEverywhere,
    response_format: isTextFormat,
    suffix: isEmpty,
    tools: isEmpty,
    messages: never,
  },
};

/** Throws GatewayError `unsupported_parameter` for the first refused parameter that asks for something. */
export function refuseUnsupported(body: object, { refused }: ParameterRules): void {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(refused, name) || value === null || refused[name]?.(value)) continue;
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
    .filter((name) => !known.includes(name) && !rules.accepted.includes(name))
    .filter((name) => !Object.hasOwn(rules.refused, name) && /^[\w.-]{1,64}$/.test(name))
    .slice(0, LISTED_NAMES);
}

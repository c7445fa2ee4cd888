import { z } from "zod";
import type { Constraint, GenerationRequest, PromptToken } from "../../src/core/generation.ts";
import type { Tokenizer } from "../local/tokenizer.ts";
import {
  type Asked,
  cachedTokens,
  constraintParam,
  type Dialect,
  type DrawnToken,
  finishReason,
  type Piece,
} from "./dialect.ts";
import { BrokenStream } from "./frames.ts";

const PATH = "completions";

/** vLLM's OpenAI server, and this gateway, which speaks as it does: token ids in and out. */
export const vllm: Dialect = {
  cannot(request) {
    return request.constraint?.type === "calls" ? constraintParam(request) : undefined;
  },
  answer(asked) {
    return asked.request.promptLogprobs === null ? streamed(asked) : scored(asked);
  },
};

function body({ request, model, endOfText }: Asked): Record<string, unknown> {
  const { sampling, stopTokens, stopStrings, logprobs, constraint, minTokens = 0, priority } = request;
  return {
    model,
    prompt: request.prompt,
    n: request.choices,
    max_tokens: Math.max(1, request.maxTokens),
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK === 0 ? -1 : sampling.topK,
    min_p: sampling.minP,
    presence_penalty: sampling.presencePenalty,
    frequency_penalty: sampling.frequencyPenalty,
    repetition_penalty: sampling.repetitionPenalty ?? 1,
    ...(sampling.logitBias.length === 0 ? {} : { logit_bias: Object.fromEntries(sampling.logitBias) }),
    ...(sampling.seed === null ? {} : { seed: sampling.seed }),
    ...(stopStrings.length === 0 ? {} : { stop: stopStrings }),
    stop_token_ids: stopTokens,
    ignore_eos: endOfText === null || !stopTokens.includes(endOfText),
    min_tokens: Math.min(minTokens, Math.max(1, request.maxTokens)),
    // The text is made of the tokens here, up to the one that ends it.
    include_stop_str_in_output: true,
    skip_special_tokens: false,
    add_special_tokens: false,
    return_token_ids: true,
    ...(logprobs === null ? {} : { logprobs, return_tokens_as_token_ids: true }),
    ...(constraint === undefined ? {} : { structured_outputs: structured(constraint) }),
    ...(priority === 0 ? {} : { priority }),
  };
}

/** Of the body's fields only that of a constraint may be wrong in ways that are not found before. */
const originIn =
  ({ constraint }: GenerationRequest) =>
  (field: string): string | undefined => {
    if (constraint === undefined) return undefined;
    const sent = `structured_outputs.${Object.keys(structured(constraint))[0]}`;
    const own = field === sent || field.startsWith(`${sent}.`);
    return own ? `${constraint.param}${field.slice(sent.length)}` : undefined;
  };

function structured(constraint: Constraint): Record<string, unknown> {
  switch (constraint.type) {
    case "json_schema":
      return { json: constraint.schema };
    case "regex":
      return { regex: constraint.pattern };
    case "choice":
      return { choice: constraint.choices };
    case "grammar":
      return { grammar: constraint.grammar };
    case "calls":
      throw new TypeError("calls are refused before");
  }
}

const logprobsSchema = z.looseObject({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
});
const scoreSchema = z.record(z.string(), z.looseObject({ logprob: z.number() }));
const choiceSchema = z.looseObject({
  index: z.int().min(0),
  finish_reason: z.string().nullish(),
  token_ids: z.array(z.int().min(0)).nullish(),
  logprobs: logprobsSchema.nullish(),
  prompt_logprobs: z.array(scoreSchema.nullable()).nullish(),
});
const answerSchema = z.looseObject({ choices: z.array(choiceSchema), usage: z.unknown().optional() });
type Choice = z.output<typeof choiceSchema>;

async function* streamed(asked: Asked): AsyncGenerator<Piece, void, undefined> {
  const { client, request, signal } = asked;
  const streaming = { ...body(asked), stream: true, stream_options: { include_usage: true } };
  const call = { body: streaming, trace: request.trace, signal, origin: originIn(request) };
  for await (const frame of client.stream(PATH, call)) {
    const { choices, usage } = parsed(frame);
    for (const choice of choices) yield* pieces(choice, request);
    yield* cached(usage);
  }
}

/** Log-probabilities of a prompt are told in one piece only. */
async function* scored(asked: Asked): AsyncGenerator<Piece, void, undefined> {
  const { client, request, tokenizer, signal } = asked;
  const { promptLogprobs, maxTokens } = request;
  const call = {
    body: { ...body(asked), stream: false, prompt_logprobs: promptLogprobs },
    trace: request.trace,
    signal,
    origin: originIn(request),
  };
  const { choices, usage } = parsed(await client.post(PATH, call));
  const [first] = choices;
  yield* cached(usage);
  yield { type: "prompt", scores: promptTokens(first?.prompt_logprobs ?? [], request, tokenizer) };
  for (const choice of choices) {
    if (maxTokens > 0) yield* pieces(choice, request);
    else yield { type: "finish", index: choice.index, reason: "length" };
  }
}

function parsed(value: unknown): z.output<typeof answerSchema> {
  const found = answerSchema.safeParse(value);
  if (found.success) return found.data;
  throw new BrokenStream(`its answer is not of OpenAI's form: ${z.prettifyError(found.error).slice(0, 200)}`);
}

function* cached(usage: unknown): Generator<Piece> {
  const tokens = cachedTokens(usage);
  if (tokens !== undefined) yield { type: "cached", tokens };
}

function* pieces(choice: Choice, { logprobs }: GenerationRequest): Generator<Piece> {
  const { index, token_ids: ids, finish_reason } = choice;
  if (ids && ids.length > 0) {
    yield {
      type: "tokens",
      index,
      tokens: logprobs === null ? ids.map((id) => ({ id })) : scoredTokens(choice, ids, logprobs),
    };
  }
  const reason = finishReason(finish_reason);
  if (reason !== undefined) yield { type: "finish", index, reason };
  else if (finish_reason) throw new BrokenStream(`it ended an answer with ${JSON.stringify(finish_reason)}`);
}

function scoredTokens({ logprobs }: Choice, ids: readonly number[], count: number): DrawnToken[] {
  return ids.map((id, at) => {
    const logprob = logprobs?.token_logprobs[at];
    if (logprob === undefined || logprob === null) throw new BrokenStream("it left log-probabilities out");
    const top = Object.entries(logprobs?.top_logprobs?.[at] ?? {})
      .map(([name, value]) => [idOf(name), value] as const)
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, count);
    return { id, logprob, top };
  });
}

/** `token_id:5` */
function idOf(name: string): number {
  const id = Number(/^token_id:(\d+)$/.exec(name)?.[1]);
  if (Number.isInteger(id)) return id;
  throw new BrokenStream(`it names a token ${JSON.stringify(name.slice(0, 50))} where ids were asked for`);
}

function promptTokens(
  scores: readonly (z.output<typeof scoreSchema> | null)[],
  { prompt, promptLogprobs }: GenerationRequest,
  { vocabulary }: Tokenizer,
): PromptToken[] {
  return prompt.map((id, at) => {
    const token = vocabulary.token(id);
    const found = scores[at];
    if (at === 0 || !found) return { ...token, logprob: null, top: [] };
    const top = Object.entries(found)
      .map(([name, { logprob }]) => ({ ...vocabulary.token(Number(name)), logprob }))
      .toSorted((a, b) => b.logprob - a.logprob)
      .slice(0, promptLogprobs ?? 0);
    return { ...token, logprob: found[String(id)]?.logprob ?? null, top };
  });
}

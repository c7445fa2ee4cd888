import { z } from "zod";
import type { GenerationRequest } from "../../src/core/generation.ts";
import {
  type Asked,
  cachedTokens,
  constraintParam,
  type Dialect,
  finishReason,
  type Piece,
} from "./dialect.ts";
import { BrokenStream } from "./frames.ts";

/** Most stop strings of OpenAI's API. */
const MOST_STOPS = 4;

/** Any server of OpenAI's `/v1/completions`: texts in and out, and the parameters that all of them have. */
export const textOnly: Dialect = {
  cannot(request) {
    const {
      sampling,
      logprobs,
      promptLogprobs,
      minTokens = 0,
      includeStop,
      controlText,
      maxTokens,
    } = request;
    const wanted: readonly (readonly [param: string, asked: boolean])[] = [
      ["echo", promptLogprobs !== null],
      ["max_tokens", maxTokens === 0],
      ["logprobs", logprobs !== null],
      ["top_k", sampling.topK !== 0],
      ["min_p", sampling.minP !== 0],
      ["repetition_penalty", (sampling.repetitionPenalty ?? 1) !== 1],
      // Its ids may be other ones.
      ["logit_bias", sampling.logitBias.length > 0],
      ["min_tokens", minTokens > 0],
      ["include_stop_str_in_output", includeStop === true],
      ["skip_special_tokens", controlText === true],
      ["stop", request.stopStrings.length + request.stopTokens.length > MOST_STOPS],
    ];
    return wanted.find(([, asked]) => asked)?.[0] ?? constraintParam(request);
  },
  async *answer(asked) {
    const { client, request, signal } = asked;
    const counted = new Map<number, number>();
    const call = { body: body(asked), trace: request.trace, signal };
    const finished: Piece[] = [];
    for await (const frame of client.stream("completions", call)) {
      const found = frameSchema.safeParse(frame);
      if (!found.success)
        throw new BrokenStream(
          `its answer is not of OpenAI's form: ${z.prettifyError(found.error).slice(0, 200)}`,
        );
      const { choices, usage } = found.data;
      for (const { index, text, finish_reason } of choices) {
        if (text) yield { type: "text", index, text };
        const reason = finishReason(finish_reason);
        if (reason !== undefined) finished.push({ type: "finish", index, reason });
      }
      // It counts all answers together.
      if (usage && request.choices === 1) counted.set(0, usage.completion_tokens);
      const cached = cachedTokens(usage);
      if (cached !== undefined) yield { type: "cached", tokens: cached };
    }
    for (const finish of finished) {
      const completionTokens = finish.type === "finish" ? counted.get(finish.index) : undefined;
      yield { ...finish, ...(completionTokens === undefined ? {} : { completionTokens }) };
    }
  },
};

const frameSchema = z.looseObject({
  choices: z.array(
    z.looseObject({
      index: z.int().min(0).default(0),
      text: z.string().nullish(),
      finish_reason: z.string().nullish(),
    }),
  ),
  usage: z.looseObject({ completion_tokens: z.int().min(0) }).nullish(),
});

function body({ request, model, tokenizer }: Asked): object {
  const { prompt, choices, maxTokens, sampling, stopStrings, stopTokens } = request;
  const ends = endStrings(request, tokenizer);
  return {
    model,
    // Control strings are spelled out: the engine's tokenizer has to recognise them, as it does in any text.
    prompt: tokenizer.decode(prompt, { control: true }),
    n: choices,
    max_tokens: maxTokens,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    presence_penalty: sampling.presencePenalty,
    frequency_penalty: sampling.frequencyPenalty,
    ...(sampling.seed === null ? {} : { seed: sampling.seed }),
    ...(stopStrings.length + stopTokens.length === 0 ? {} : { stop: [...stopStrings, ...ends] }),
    stream: true,
    stream_options: { include_usage: true },
  };
}

/** The names of the tokens that end an answer, which such an engine knows as strings only. */
const endStrings = ({ stopTokens }: GenerationRequest, tokenizer: Asked["tokenizer"]): string[] =>
  stopTokens.map((id) => tokenizer.decode([id], { control: true }));

import { z } from "zod";
import type { Constraint, GenerationRequest } from "../../src/core/generation.ts";
import { merge } from "../../src/core/merge.ts";
import { type Asked, constraintParam, type Dialect, type DrawnToken, type Piece } from "./dialect.ts";
import { BrokenStream } from "./frames.ts";

/** llama.cpp's server by its own interface, which takes and gives token ids; it answers one choice a request. */
export const llamaServer: Dialect = {
  cannot(request, endOfText) {
    const { constraint, minTokens = 0, stopTokens, promptLogprobs } = request;
    if (promptLogprobs !== null) return "echo";
    if (minTokens > 0) return "min_tokens";
    // It can forbid its end, not go on behind it.
    if (endOfText !== null && !stopTokens.includes(endOfText)) return "ignore_eos";
    if (constraint !== undefined && constraint.type !== "json_schema" && constraint.type !== "grammar") {
      return constraintParam(request);
    }
    return undefined;
  },
  async *answer(asked) {
    const { request } = asked;
    const choices = Array.from({ length: request.choices }, (_, index) => choice(asked, index));
    // Each of them ends with the signal, and with the loop.
    for await (const [, piece] of merge(choices, () => {})) yield piece;
  },
};

function body(
  { prompt, maxTokens, sampling, stopStrings, logprobs, constraint }: GenerationRequest,
  index: number,
): object {
  return {
    prompt,
    n_predict: maxTokens,
    // The order of Hugging Face's generation.
    samplers: ["penalties", "temperature", "top_k", "top_p", "min_p"],
    temperature: sampling.temperature,
    top_k: sampling.topK,
    top_p: sampling.topP,
    min_p: sampling.minP,
    presence_penalty: sampling.presencePenalty,
    frequency_penalty: sampling.frequencyPenalty,
    repeat_penalty: sampling.repetitionPenalty ?? 1,
    repeat_last_n: prompt.length + maxTokens,
    logit_bias: sampling.logitBias,
    seed: sampling.seed === null ? -1 : (sampling.seed + index) % 2 ** 32,
    stop: stopStrings,
    stream: true,
    cache_prompt: true,
    return_tokens: true,
    // Without an alternative it tells no log-probability at all.
    ...(logprobs === null ? {} : { n_probs: Math.max(1, logprobs), post_sampling_probs: false }),
    ...(constraint === undefined ? {} : held(constraint)),
  };
}

function held(constraint: Constraint): object {
  if (constraint.type === "json_schema") return { json_schema: constraint.schema };
  if (constraint.type === "grammar") return { grammar: constraint.grammar };
  throw new TypeError("other constraints are refused before");
}

const scoredSchema = z.looseObject({
  id: z.int().min(0),
  logprob: z.number(),
  top_logprobs: z.array(z.looseObject({ id: z.int().min(0), logprob: z.number() })).default([]),
});
const frameSchema = z.looseObject({
  tokens: z.array(z.int().min(0)).default([]),
  stop: z.boolean().default(false),
  stop_type: z.string().optional(),
  completion_probabilities: z.array(scoredSchema).optional(),
  /** With the last frame. `tokens_cached` beside it counts the slot's tokens, reused or not. */
  timings: z
    .looseObject({ cache_n: z.int().min(0).optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

async function* choice(
  { client, request, signal }: Asked,
  index: number,
): AsyncGenerator<Piece, void, undefined> {
  const call = { body: body(request, index), trace: request.trace, signal };
  for await (const frame of client.stream("/completion", call)) {
    const found = frameSchema.safeParse(frame);
    if (!found.success)
      throw new BrokenStream(
        `its answer is not llama-server's: ${z.prettifyError(found.error).slice(0, 200)}`,
      );
    const { tokens, stop, stop_type, completion_probabilities, timings } = found.data;
    if (tokens.length > 0)
      yield { type: "tokens", index, tokens: drawn(tokens, completion_probabilities, request) };
    if (stop && index === 0 && timings?.cache_n !== undefined)
      yield { type: "cached", tokens: timings.cache_n };
    if (stop) yield { type: "finish", index, reason: stop_type === "limit" ? "length" : "stop" };
  }
}

function drawn(
  ids: readonly number[],
  scores: readonly z.output<typeof scoredSchema>[] | undefined,
  { logprobs }: GenerationRequest,
): DrawnToken[] {
  if (logprobs === null) return ids.map((id) => ({ id }));
  return ids.map((id, at) => {
    const found = scores?.[at];
    if (found?.id !== id) throw new BrokenStream("it left log-probabilities out");
    const top = found.top_logprobs.map((one) => [one.id, one.logprob] as const).slice(0, logprobs);
    return { id, logprob: found.logprob, top };
  });
}

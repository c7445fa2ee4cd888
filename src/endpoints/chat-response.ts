import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionTokenLogprob,
} from "openai/resources/chat/completions";
import type { GeneratedToken, GenerationEvent } from "../core/generation.ts";
import type { ResponseHead } from "./response-head.ts";
import { finite, tokenText } from "./token-text.ts";
import { UsageCounter } from "./usage.ts";

type Events = AsyncGenerator<GenerationEvent, void, undefined>;
type Logprobs = NonNullable<ChatCompletion.Choice["logprobs"]>;

export interface ChatResponseOptions {
  readonly choices: number;
  readonly logprobs: boolean;
  readonly includeUsage: boolean;
  /** Known once the first event is there. */
  head(): ResponseHead;
}

/** The whole answer at once. */
export async function chatCompletion(events: Events, options: ChatResponseOptions): Promise<ChatCompletion> {
  const usage = new UsageCounter();
  const choices = Array.from(
    { length: options.choices },
    (_, index): ChatCompletion.Choice => ({
      index,
      message: { role: "assistant", content: "", refusal: null },
      logprobs: options.logprobs ? { content: [], refusal: null } : null,
      finish_reason: "stop",
    }),
  );
  for await (const event of events) {
    usage.add(event);
    if (event.type === "start") continue;
    const choice = choices[event.index];
    if (choice === undefined) throw new RangeError(`the model answered choice ${event.index}`);
    if (event.type === "finish") {
      choice.finish_reason = event.reason;
    } else {
      choice.message.content += event.text;
      choice.logprobs?.content?.push(...tokenLogprobs(event.tokens));
    }
  }
  return { ...options.head(), object: "chat.completion", choices, usage: usage.usage() };
}

/** The answer in chunks: the role first, a chunk for each piece of text, one with the finish reason, then the usage. */
export async function* chatChunks(
  events: Events,
  options: ChatResponseOptions,
): AsyncGenerator<ChatCompletionChunk, void, undefined> {
  const usage = new UsageCounter();
  for await (const event of events) {
    usage.add(event);
    for (const choice of chunkChoices(event, options)) {
      yield chunk(options, [choice], options.includeUsage ? { usage: null } : {});
    }
  }
  if (options.includeUsage) yield chunk(options, [], { usage: usage.usage() });
}

const chunk = (
  { head }: ChatResponseOptions,
  choices: ChatCompletionChunk.Choice[],
  usage: Pick<ChatCompletionChunk, "usage">,
): ChatCompletionChunk => ({ ...head(), object: "chat.completion.chunk", choices, ...usage });

function chunkChoices(event: GenerationEvent, options: ChatResponseOptions): ChatCompletionChunk.Choice[] {
  const choice = (
    index: number,
    delta: ChatCompletionChunk.Choice.Delta,
    logprobs: Logprobs | null = null,
  ): ChatCompletionChunk.Choice => ({ index, delta, logprobs, finish_reason: null });
  if (event.type === "start") {
    return Array.from({ length: options.choices }, (_, index) =>
      choice(index, { role: "assistant", content: "" }),
    );
  }
  if (event.type === "finish") return [{ ...choice(event.index, {}), finish_reason: event.reason }];
  const content = options.logprobs ? tokenLogprobs(event.tokens) : [];
  if (event.text === "" && content.length === 0) return [];
  const logprobs = options.logprobs ? { content, refusal: null } : null;
  return [choice(event.index, { content: event.text }, logprobs)];
}

/** Control tokens are left out: the bytes of the others, joined, are the content. */
const tokenLogprobs = (tokens: readonly GeneratedToken[]): ChatCompletionTokenLogprob[] =>
  tokens
    .filter(({ control }) => !control)
    .map((token) => ({
      token: tokenText(token),
      logprob: finite(token.logprob ?? 0),
      bytes: [...token.bytes],
      top_logprobs: (token.top ?? []).map((alternative) => ({
        token: tokenText(alternative),
        logprob: finite(alternative.logprob),
        bytes: [...alternative.bytes],
      })),
    }));

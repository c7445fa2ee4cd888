import type { ChatCompletion, ChatCompletionChunk } from "openai/resources/chat/completions";
import type { GenerationEvent } from "../core/generation.ts";
import { chatLogprobs } from "./chat-logprobs.ts";
import type { ResponseHead } from "./response-head.ts";
import { CallReader, type Reading } from "./tools/call-reader.ts";
import type { ToolUse } from "./tools/tool-use.ts";
import { UsageCounter } from "./usage.ts";

type Events = AsyncGenerator<GenerationEvent, void, undefined>;
type Delta = ChatCompletionChunk.Choice.Delta;

export interface ChatResponseOptions {
  readonly choices: number;
  readonly logprobs: boolean;
  readonly includeUsage: boolean;
  /** What the answer may do with functions; undefined: it has none. */
  readonly tools: ToolUse | undefined;
  /** A call is told as `function_call`, as before there were tools. */
  readonly oldCalls: boolean;
  /** Known once the first event is there. */
  head(): ResponseHead;
  /** A fresh id of a call. */
  callId(): string;
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
  for await (const { index, delta, finish, logprobs } of chatDeltas(events, usage, options)) {
    const choice = choices[index];
    if (choice === undefined) throw new RangeError(`the model answered choice ${index}`);
    addDelta(choice.message, delta);
    choice.logprobs?.content?.push(...(logprobs?.content ?? []));
    if (finish !== null) choice.finish_reason = finish;
  }
  return { ...options.head(), object: "chat.completion", choices, usage: usage.usage() };
}

/** The answer in chunks: the role first, a chunk for each piece of text, one with the finish reason, then the usage. */
export async function* chatChunks(
  events: Events,
  options: ChatResponseOptions,
): AsyncGenerator<ChatCompletionChunk, void, undefined> {
  const usage = new UsageCounter();
  const chunk = (
    choices: ChatCompletionChunk.Choice[],
    counted: Pick<ChatCompletionChunk, "usage">,
  ): ChatCompletionChunk => ({ ...options.head(), object: "chat.completion.chunk", choices, ...counted });
  for await (const { index, delta, finish, logprobs } of chatDeltas(events, usage, options)) {
    const choice = { index, delta, logprobs, finish_reason: finish };
    yield chunk([choice], options.includeUsage ? { usage: null } : {});
  }
  if (options.includeUsage) yield chunk([], { usage: usage.usage() });
}

/** A piece of one choice, in the form of the chunk that tells it. */
interface ChatDelta {
  readonly index: number;
  readonly delta: Delta;
  readonly finish: ChatCompletion.Choice["finish_reason"] | null;
  readonly logprobs: ChatCompletion.Choice["logprobs"];
}

async function* chatDeltas(
  events: Events,
  usage: UsageCounter,
  options: ChatResponseOptions,
): AsyncGenerator<ChatDelta, void, undefined> {
  const { tools, logprobs: scored, oldCalls } = options;
  const choices = Array.from({ length: options.choices }, () => new ChoiceDeltas(options));
  for await (const event of events) {
    usage.add(event);
    if (event.type === "start") {
      for (const [index, choice] of choices.entries()) {
        // An answer that must be a call has no content.
        const content = tools?.required === true ? null : "";
        yield { index, delta: { role: "assistant", content }, finish: null, logprobs: null };
        for (const delta of choice.start()) yield { index, delta, finish: null, logprobs: null };
      }
      continue;
    }
    const { index } = event;
    const choice = choices[index];
    if (choice === undefined) throw new RangeError(`the model answered choice ${index}`);
    if (event.type === "finish") {
      for (const delta of choice.finish()) yield { index, delta, finish: null, logprobs: null };
      const called = event.reason === "stop" && choice.calls > 0;
      const finish = called ? (oldCalls ? "function_call" : "tool_calls") : event.reason;
      yield { index, delta: {}, finish, logprobs: null };
      continue;
    }
    const content = scored ? chatLogprobs(event.tokens) : [];
    let logprobs = scored && content.length > 0 ? { content, refusal: null } : null;
    for (const delta of choice.push(event.text)) {
      yield {
        index,
        delta,
        finish: null,
        logprobs: logprobs ?? (scored ? { content: [], refusal: null } : null),
      };
      logprobs = null;
    }
    // Tokens whose text is held back, or has none.
    if (logprobs !== null) yield { index, delta: tools ? {} : { content: "" }, finish: null, logprobs };
  }
}

/** Tells one choice's text as deltas. */
class ChoiceDeltas {
  readonly #reader: CallReader | undefined;
  readonly #options: ChatResponseOptions;

  constructor(options: ChatResponseOptions) {
    this.#options = options;
    this.#reader = options.tools && new CallReader(options.tools);
  }

  get calls(): number {
    return this.#reader?.calls ?? 0;
  }

  start(): Delta[] {
    return this.#reader?.start().map((reading) => this.#delta(reading)) ?? [];
  }

  push(text: string): Delta[] {
    if (this.#reader === undefined) return text === "" ? [] : [{ content: text }];
    return this.#reader.push(text).map((reading) => this.#delta(reading));
  }

  finish(): Delta[] {
    return this.#reader?.finish().map((reading) => this.#delta(reading)) ?? [];
  }

  #delta(reading: Reading): Delta {
    if (reading.type === "text") return { content: reading.text };
    const { call: index } = reading;
    if (reading.type === "arguments") {
      const part = { arguments: reading.text };
      return this.#options.oldCalls ? { function_call: part } : { tool_calls: [{ index, function: part }] };
    }
    const begun = { name: reading.name, arguments: "" };
    if (this.#options.oldCalls) return { function_call: begun };
    return { tool_calls: [{ index, id: this.#options.callId(), type: "function", function: begun }] };
  }
}

/** Adds what a delta tells to the message. */
function addDelta(
  message: ChatCompletion.Choice["message"],
  { content, tool_calls, function_call }: Delta,
): void {
  if (content) message.content = (message.content ?? "") + content;
  for (const { index, id, function: part } of tool_calls ?? []) {
    message.content = message.content === "" ? null : message.content;
    message.tool_calls ??= [];
    if (id !== undefined) {
      message.tool_calls[index] = {
        id,
        type: "function",
        function: { name: part?.name ?? "", arguments: "" },
      };
    }
    const call = message.tool_calls[index];
    if (call?.type === "function") call.function.arguments += part?.arguments ?? "";
  }
  if (function_call === undefined) return;
  message.content = message.content === "" ? null : message.content;
  const { name = "", arguments: more = "" } = function_call;
  message.function_call ??= { name, arguments: "" };
  message.function_call.arguments += more;
}

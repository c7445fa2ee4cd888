import type { ChatCompletion, ChatCompletionChunk } from "openai/resources/chat/completions";
import type { GenerationEvent } from "../core/generation.ts";
import { chatLogprobs } from "./chat-logprobs.ts";
import { type PromptReport, promptLogprobs } from "./prompt-logprobs.ts";
import type { ReportedTokens } from "./reported-tokens.ts";
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
  /** Tokens in log-probabilities are named by their ids. */
  readonly asTokenIds: boolean;
  /** The tokens of the prompt and the answers, where they are to be reported. */
  readonly reported: ReportedTokens | undefined;
  /** Alternatives to each prompt token; undefined: they are not reported. */
  readonly promptLogprobs: number | undefined;
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
  let report: PromptReport = {};
  const choices = Array.from(
    { length: options.choices },
    (_, index): Choice => ({
      index,
      message: { role: "assistant", content: "", refusal: null },
      logprobs: options.logprobs ? { content: [], refusal: null } : null,
      finish_reason: "stop",
    }),
  );
  const onPrompt = (told: PromptReport): void => {
    report = told;
  };
  for await (const { index, delta, finish, logprobs, tokenIds } of chatDeltas(
    events,
    usage,
    options,
    onPrompt,
  )) {
    const choice = choices[index];
    if (choice === undefined) throw new RangeError(`the model answered choice ${index}`);
    if (tokenIds !== undefined) choice.token_ids = [...(choice.token_ids ?? []), ...tokenIds];
    addDelta(choice.message, delta);
    choice.logprobs?.content?.push(...(logprobs?.content ?? []));
    if (finish !== null) choice.finish_reason = finish;
  }
  return { ...options.head(), object: "chat.completion", choices, usage: usage.usage(), ...report };
}

/** The answer in chunks: the role first, a chunk for each piece of text, one with the finish reason, then the usage. */
export async function* chatChunks(
  events: Events,
  options: ChatResponseOptions,
): AsyncGenerator<ChatCompletionChunk, void, undefined> {
  const usage = new UsageCounter();
  const chunk = (
    choices: ChatCompletionChunk.Choice[],
    counted: Pick<ChatCompletionChunk, "usage"> & PromptReport,
  ): ChatCompletionChunk => ({ ...options.head(), object: "chat.completion.chunk", choices, ...counted });
  let report: PromptReport = {};
  const onPrompt = (told: PromptReport): void => {
    report = told;
  };
  for await (const { index, delta, finish, logprobs, tokenIds } of chatDeltas(
    events,
    usage,
    options,
    onPrompt,
  )) {
    const ids = tokenIds === undefined ? {} : { token_ids: tokenIds };
    const choice = { index, delta, logprobs, finish_reason: finish, ...ids };
    yield chunk([choice], { ...(options.includeUsage ? { usage: null } : {}), ...report });
    report = {};
  }
  if (options.includeUsage) yield chunk([], { usage: usage.usage() });
}

/** A piece of one choice, in the form of the chunk that tells it. */
interface ChatDelta {
  readonly index: number;
  readonly delta: Delta;
  readonly finish: ChatCompletion.Choice["finish_reason"] | null;
  readonly logprobs: ChatCompletion.Choice["logprobs"];
  /** Tokens that this piece tells of, where they are to be reported. */
  readonly tokenIds?: readonly number[];
}

/** OpenAI's choice, with vLLM's field. */
interface Choice extends ChatCompletion.Choice {
  token_ids?: readonly number[];
}

async function* chatDeltas(
  events: Events,
  usage: UsageCounter,
  options: ChatResponseOptions,
  onPrompt: (report: PromptReport) => void,
): AsyncGenerator<ChatDelta, void, undefined> {
  const { tools, logprobs: scored, oldCalls, asTokenIds, reported } = options;
  const choices = Array.from({ length: options.choices }, () => new ChoiceDeltas(options));
  for await (const event of events) {
    usage.add(event);
    if (event.type === "start") {
      onPrompt(promptReport(event, options));
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
      const rest = reported?.take(0, index) ?? [];
      yield { index, delta: {}, finish, logprobs: null, ...(rest.length > 0 ? { tokenIds: rest } : {}) };
      continue;
    }
    const content = scored ? chatLogprobs(event.tokens, asTokenIds) : [];
    const ids = reported?.take(0, index) ?? [];
    const deltas = choice.push(event.text);
    // Tokens whose text is held back, or has none.
    if (deltas.length === 0 && content.length + ids.length > 0) deltas.push(tools ? {} : { content: "" });
    for (const [at, delta] of deltas.entries()) {
      const logprobs = scored ? { content: at === 0 ? content : [], refusal: null } : null;
      yield {
        index,
        delta,
        finish: null,
        logprobs,
        ...(at === 0 && ids.length > 0 ? { tokenIds: ids } : {}),
      };
    }
  }
}

function promptReport(
  { promptLogprobs: scored }: Extract<GenerationEvent, { type: "start" }>,
  { reported, promptLogprobs: count }: Pick<ChatResponseOptions, "reported" | "promptLogprobs">,
): PromptReport {
  const ids = reported?.promptTokens(0);
  return {
    ...(count === undefined ? {} : { prompt_logprobs: promptLogprobs(scored ?? [], count) }),
    ...(ids === undefined ? {} : { prompt_token_ids: ids }),
  };
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

import type {
  Response,
  ResponseOutputItem,
  ResponseOutputText,
  ResponseStreamEvent,
  ResponseUsage,
} from "openai/resources/responses/responses";
import type { GenerationEvent } from "../../core/generation.ts";
import { chatLogprobs } from "../chat-logprobs.ts";
import { CallReader, type Reading } from "../tools/call-reader.ts";
import type { ToolUse } from "../tools/tool-use.ts";
import { UsageCounter } from "../usage.ts";

type Events = AsyncGenerator<GenerationEvent, void, undefined>;
type Logprobs = NonNullable<ResponseOutputText["logprobs"]>;
type Message = Extract<ResponseOutputItem, { type: "message" }>;
type Call = Extract<ResponseOutputItem, { type: "function_call" }>;
/** What is sent of a response: the rest of the client's type is made by the client. */
export type ResponseObject = Omit<Response, "output_text" | "access_programs" | "usage"> & {
  /** null until the response has ended. */
  usage: ResponseUsage | null;
  // Fields of the Open Responses specification that OpenAI's clients do not know.
  presence_penalty: number;
  frequency_penalty: number;
  store: boolean;
};
type Whole<Event> = Event extends { response: Response }
  ? Omit<Event, "response"> & { response: ResponseObject }
  : Event;
export type ResponseEvent = Whole<ResponseStreamEvent>;
/** An event before it is numbered. */
type Unnumbered<Event = ResponseEvent> = Event extends unknown ? Omit<Event, "sequence_number"> : never;

export interface AnswerOptions {
  readonly tools: ToolUse | undefined;
  readonly logprobs: boolean;
  /** What the response is before anything is answered; called once the first event is there. */
  head(): ResponseObject;
  /** A fresh id with the prefix. */
  newId(prefix: string): string;
  /** Called once with the whole response, before it is told. */
  onEnd(response: ResponseObject): void;
}

/** The events of a response in their order, numbered; the last one holds the whole of it. */
export async function* responseEvents(
  events: Events,
  options: AnswerOptions,
): AsyncGenerator<ResponseEvent, void, undefined> {
  let sequence_number = 0;
  for await (const event of unnumbered(events, options))
    yield { ...event, sequence_number: sequence_number++ };
}

/** The whole response at once. */
export async function wholeResponse(events: Events, options: AnswerOptions): Promise<ResponseObject> {
  let whole: ResponseObject | undefined;
  for await (const event of unnumbered(events, options)) {
    if (event.type === "response.completed" || event.type === "response.incomplete") whole = event.response;
  }
  if (whole === undefined) throw new TypeError("a generation ends with its finish");
  return whole;
}

async function* unnumbered(
  events: Events,
  options: AnswerOptions,
): AsyncGenerator<Unnumbered, void, undefined> {
  const usage = new UsageCounter();
  const items = new OutputItems(options);
  for await (const event of events) {
    usage.add(event);
    if (event.type === "start") {
      const response = options.head();
      yield { type: "response.created", response };
      yield { type: "response.in_progress", response };
      yield* items.start();
    } else if (event.type === "token") {
      yield* items.push(event.text, options.logprobs ? chatLogprobs(event.tokens) : []);
    } else {
      const cut = event.reason === "length";
      yield* items.finish(cut ? "incomplete" : "completed");
      const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details } = usage.usage();
      const response: ResponseObject = {
        ...options.head(),
        status: cut ? "incomplete" : "completed",
        incomplete_details: cut ? { reason: "max_output_tokens" } : null,
        output: items.output,
        usage: {
          input_tokens: prompt_tokens,
          input_tokens_details: {
            cached_tokens: prompt_tokens_details?.cached_tokens ?? 0,
            cache_write_tokens: 0,
          },
          output_tokens: completion_tokens,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens,
        },
      };
      options.onEnd(response);
      yield { type: cut ? "response.incomplete" : "response.completed", response };
    }
  }
}

/** The items of an answer as they grow, and the events that tell of it. */
class OutputItems {
  readonly output: ResponseOutputItem[] = [];
  readonly #reader: CallReader | undefined;
  readonly #newId: AnswerOptions["newId"];
  /** Log-probabilities of tokens whose text has not been told. */
  #logprobs: Logprobs = [];

  constructor({ tools, newId }: AnswerOptions) {
    this.#reader = tools && new CallReader(tools);
    this.#newId = newId;
  }

  *start(): Generator<Unnumbered> {
    for (const reading of this.#reader?.start() ?? []) yield* this.#read(reading);
  }

  *push(text: string, logprobs: Logprobs): Generator<Unnumbered> {
    this.#logprobs.push(...logprobs);
    if (text === "") return;
    for (const reading of this.#reader?.push(text) ?? [{ type: "text" as const, text }])
      yield* this.#read(reading);
  }

  *finish(status: "completed" | "incomplete"): Generator<Unnumbered> {
    for (const reading of this.#reader?.finish() ?? []) yield* this.#read(reading);
    // An answer without a word is a message too.
    if (this.output.length === 0) yield* this.#openMessage();
    yield* this.#close(status);
  }

  *#read(reading: Reading): Generator<Unnumbered> {
    if (reading.type === "text") {
      if (this.output.at(-1)?.type !== "message") yield* this.#openMessage();
      yield* this.#addText(reading.text);
    } else if (reading.type === "call") {
      if (this.output.length > 0) yield* this.#close("completed");
      yield* this.#openCall(reading.name);
    } else {
      const call = this.output.at(-1);
      if (call?.type !== "function_call") throw new TypeError("arguments follow the name of their function");
      call.arguments += reading.text;
      yield {
        type: "response.function_call_arguments.delta",
        item_id: call.id ?? "",
        output_index: this.#index,
        delta: reading.text,
      };
    }
  }

  get #index(): number {
    return this.output.length - 1;
  }

  *#openMessage(): Generator<Unnumbered> {
    const id = this.#newId("msg_");
    const part: ResponseOutputText = { type: "output_text", text: "", annotations: [], logprobs: [] };
    const item: Message = { type: "message", id, status: "in_progress", role: "assistant", content: [part] };
    this.output.push(item);
    yield { type: "response.output_item.added", output_index: this.#index, item: { ...item, content: [] } };
    yield {
      type: "response.content_part.added",
      item_id: id,
      output_index: this.#index,
      content_index: 0,
      part: { ...part },
    };
  }

  *#addText(text: string): Generator<Unnumbered> {
    const item = this.output.at(-1);
    if (item?.type !== "message") throw new TypeError("text belongs to a message");
    const part = textOf(item);
    const logprobs = this.#logprobs.splice(0);
    part.text += text;
    part.logprobs?.push(...logprobs);
    yield {
      type: "response.output_text.delta",
      item_id: item.id,
      output_index: this.#index,
      content_index: 0,
      delta: text,
      logprobs,
    };
  }

  *#openCall(name: string): Generator<Unnumbered> {
    const item: Call = {
      type: "function_call",
      id: this.#newId("fc_"),
      status: "in_progress",
      call_id: this.#newId("call_"),
      name,
      arguments: "",
    };
    this.output.push(item);
    yield { type: "response.output_item.added", output_index: this.#index, item: { ...item } };
  }

  *#close(status: "completed" | "incomplete"): Generator<Unnumbered> {
    const item = this.output.at(-1);
    const output_index = this.#index;
    if (item?.type === "message") {
      const part = textOf(item);
      part.logprobs?.push(...this.#logprobs.splice(0));
      const place = { item_id: item.id, output_index, content_index: 0 };
      yield { type: "response.output_text.done", ...place, text: part.text, logprobs: part.logprobs ?? [] };
      yield { type: "response.content_part.done", ...place, part: { ...part } };
    } else if (item?.type === "function_call") {
      this.#logprobs = [];
      yield {
        type: "response.function_call_arguments.done",
        item_id: item.id ?? "",
        output_index,
        arguments: item.arguments,
      };
    } else return;
    item.status = status;
    yield { type: "response.output_item.done", output_index, item };
  }
}

function textOf({ content }: Message): ResponseOutputText {
  const [part] = content;
  if (part?.type !== "output_text") throw new TypeError("a message of the model has one text");
  return part;
}

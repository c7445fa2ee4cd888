import { Agent, type IncomingMessage, request } from "node:http";
import { z } from "zod";

/** One streamed answer as its reader saw it; times in milliseconds from the moment the request was sent. */
export interface StreamedAnswer {
  readonly text: string;
  /** As the server counted them. */
  readonly completionTokens: number;
  /** Frames that brought text. */
  readonly textFrames: number;
  readonly firstTextMs: number;
  readonly lastTextMs: number;
  /** When the request was sent, on the clock of `performance.now`. */
  readonly sentAt: number;
}

export interface StreamOptions {
  /** Ends the request; its promise then rejects. */
  readonly signal?: AbortSignal;
  /** Told when bytes of the answer come, on the clock of `performance.now`. */
  readonly onBytes?: (at: number) => void;
}

const chunk = z.object({
  choices: z.array(
    z.object({ text: z.string().optional(), delta: z.object({ content: z.string().nullish() }).optional() }),
  ),
  usage: z.object({ completion_tokens: z.int() }).nullish(),
});

/** Bytes and when they came. */
interface Arrival {
  readonly ms: number;
  readonly bytes: Buffer;
}

/**
 * A client that reads and does nothing else while the stream runs, so that it takes little from the machine that it
 * shares with the server; frames are parsed once the answer is there.
 */
export class StreamClient {
  readonly #base: string;
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;

  /** `base`: such as `http://127.0.0.1:8000`. llama-server closes connections unannounced: there `keepAlive` is false. */
  constructor(
    base: string,
    { keepAlive, headers = {} }: { keepAlive: boolean; headers?: Readonly<Record<string, string>> },
  ) {
    this.#base = base;
    this.#headers = headers;
    this.#agent = new Agent({ keepAlive });
  }

  /** Posts a request that asks for a stream with usage. Throws where the answer is none, or has no text. */
  async stream(path: string, body: object, options: StreamOptions = {}): Promise<StreamedAnswer> {
    const sentAt = performance.now();
    const streamed = { ...body, stream: true, stream_options: { include_usage: true } };
    const response = await this.#post(path, streamed, options.signal);
    const arrivals: Arrival[] = [];
    for await (const bytes of response) {
      const at = performance.now();
      arrivals.push({ ms: at - sentAt, bytes });
      options.onBytes?.(at);
    }
    if (response.statusCode === 200) return { ...readAnswer(arrivals), sentAt };
    throw new Error(`${this.#base}${path}: status ${response.statusCode}: ${joined(arrivals)}`);
  }

  /** Posts a request and reads its whole answer. */
  async post(path: string, body: object): Promise<void> {
    const response = await this.#post(path, body);
    const bytes = await response.toArray();
    if (response.statusCode === 200) return;
    throw new Error(`${this.#base}${path}: status ${response.statusCode}: ${Buffer.concat(bytes)}`);
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(path: string, body: object, signal?: AbortSignal): Promise<IncomingMessage> {
    const json = JSON.stringify(body);
    return new Promise((resolve, reject) => {
      request(`${this.#base}${path}`, {
        method: "POST",
        agent: this.#agent,
        ...(signal === undefined ? {} : { signal }),
        headers: {
          ...this.#headers,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(json),
        },
      })
        .once("response", resolve)
        .once("error", reject)
        .end(json);
    });
  }
}

const joined = (arrivals: readonly Arrival[]): string =>
  Buffer.concat(arrivals.map(({ bytes }) => bytes)).toString();

/** Throws where the stream has an error frame, no text, no usage or no end. */
export function readAnswer(arrivals: readonly Arrival[]): Omit<StreamedAnswer, "sentAt"> {
  let text = "";
  let completionTokens: number | undefined;
  const textTimes: number[] = [];
  let done = false;
  for (const { ms, data } of frames(arrivals)) {
    done ||= data === "[DONE]";
    if (data === "[DONE]") continue;
    const parsed = chunk.safeParse(JSON.parse(data));
    if (!parsed.success) throw new Error(`not a chunk of an answer: ${data}`);
    const { choices, usage } = parsed.data;
    const added = choices.map((choice) => choice.text ?? choice.delta?.content ?? "").join("");
    if (added !== "") textTimes.push(ms);
    text += added;
    completionTokens = usage?.completion_tokens ?? completionTokens;
  }
  const firstTextMs = textTimes[0];
  const lastTextMs = textTimes.at(-1);
  if (!done) throw new Error("the stream ended without [DONE]");
  if (completionTokens === undefined) throw new Error("the stream told no usage");
  if (firstTextMs === undefined || lastTextMs === undefined) throw new Error("the answer has no text");
  return { text, completionTokens, textFrames: textTimes.length, firstTextMs, lastTextMs };
}

/** Data of each server-sent event, with the time at which its last byte came. */
function* frames(arrivals: readonly Arrival[]): Generator<{ ms: number; data: string }> {
  let rest: Buffer = Buffer.alloc(0);
  for (const { ms, bytes } of arrivals) {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const frame = rest.subarray(0, end).toString();
      rest = rest.subarray(end + 2);
      if (frame.startsWith("data: ")) yield { ms, data: frame.slice("data: ".length) };
    }
  }
}

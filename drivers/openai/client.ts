import { Agent, type Dispatcher, request } from "undici";
import { jsonIn } from "../../src/core/json-in.ts";
import type { TraceContext } from "../../src/core/trace-context.ts";
import { failure, refusal } from "./failures.ts";
import { BrokenStream, frames } from "./frames.ts";
import type { OpenaiOptions } from "./options.ts";

/** Most bytes of an answer that is no stream, and of an error. */
const LARGEST_BODY = 64 << 20;
const LARGEST_ERROR = 1 << 16;

export interface EngineCall {
  readonly body: object;
  readonly trace: TraceContext | undefined;
  readonly signal: AbortSignal;
  /** The request's field that a field of the body was made of, for what an engine refuses by name. */
  origin?(field: string): string | undefined;
}

/** Speaks HTTP with one engine: a pool of connections, deadlines, and errors in the gateway's own form. */
export class EngineClient {
  readonly #agent: Agent;
  /** For what is asked of the engine itself: it must not wait behind requests when those are as many as there may be. */
  readonly #aside: Agent;
  readonly #base: URL;
  readonly #key: string | undefined;
  readonly #firstMs: number;
  readonly #nextMs: number;

  constructor(
    options: Pick<
      OpenaiOptions,
      "api_base" | "api_key" | "parallel" | "connect_timeout" | "first_token_timeout" | "token_timeout"
    >,
  ) {
    const { api_base, api_key, parallel, connect_timeout, first_token_timeout, token_timeout } = options;
    this.#base = new URL(api_base.endsWith("/") ? api_base : `${api_base}/`);
    this.#key = api_key;
    this.#firstMs = first_token_timeout * 1000;
    this.#nextMs = token_timeout * 1000;
    const shared = {
      pipelining: 1,
      connect: { timeout: connect_timeout * 1000 },
      headersTimeout: this.#firstMs,
    };
    this.#aside = new Agent({ ...shared, connections: 2, bodyTimeout: this.#firstMs });
    this.#agent = new Agent({
      ...shared,
      connections: parallel,
      // Between two pieces of a body; the first one may take longer, and is watched over apart.
      bodyTimeout: Math.max(this.#firstMs, this.#nextMs),
      maxResponseSize: -1,
    });
  }

  /** `path` below the API's base, or below the server's root where it begins with `/`. */
  #url(path: string): URL {
    return new URL(path, this.#base);
  }

  #headers(trace: TraceContext | undefined, key = this.#key): Record<string, string> {
    return {
      accept: "application/json, text/event-stream",
      "accept-encoding": "identity",
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(trace ?? {}),
    };
  }

  /** A JSON answer of a GET; undefined where there is none of that path. Throws GatewayError. */
  async find(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await this.#send("GET", path, { signal });
    const text = await bodyText(response, LARGEST_BODY);
    return response.statusCode === 200 ? jsonIn(text) : undefined;
  }

  /**
   * The text that a GET gives; undefined where there is none of that path. `key`: in place of the engine's own. Throws
   * GatewayError, also for an engine that cannot answer now.
   */
  async text(path: string, signal: AbortSignal, key: string | undefined): Promise<string | undefined> {
    const response = await this.#send("GET", path, { signal, key });
    const text = await bodyText(response, LARGEST_BODY);
    if (response.statusCode >= 500) throw refusal(response.statusCode, text, undefined);
    return response.statusCode === 200 ? text : undefined;
  }

  /** A JSON answer of a POST. Throws GatewayError, or `signal.reason`. */
  async post(path: string, call: EngineCall): Promise<unknown> {
    const response = await this.#posted(path, call);
    try {
      return JSON.parse(await bodyText(response, LARGEST_BODY));
    } catch (error) {
      call.signal.throwIfAborted();
      throw failure(error, false);
    }
  }

  /** The frames of a POST's event stream, but `[DONE]`. Throws GatewayError, or `signal.reason`. Leaving the loop ends the request. */
  async *stream(path: string, call: EngineCall): AsyncGenerator<unknown, void, undefined> {
    const { signal } = call;
    const response = await this.#posted(path, call);
    let begun = false;
    const silence = new Watch(() => response.body.destroy(new BrokenStream("it sent nothing for too long")));
    try {
      silence.expect(this.#firstMs);
      for await (const data of frames(response.body)) {
        silence.expect(this.#nextMs);
        if (data.trim() === "[DONE]") continue;
        yield parsedFrame(data);
        begun = true;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, begun);
    } finally {
      silence.end();
      response.body.on("error", () => {});
      response.body.destroy();
    }
  }

  async #posted(path: string, { body, trace, signal, origin }: EngineCall): Promise<Dispatcher.ResponseData> {
    const response = await this.#send("POST", path, { body: JSON.stringify(body), trace, signal });
    if (response.statusCode === 200) return response;
    const said = await bodyText(response, LARGEST_ERROR).catch(() => "");
    signal.throwIfAborted();
    const retryAfter = response.headers["retry-after"];
    throw refusal(response.statusCode, said, typeof retryAfter === "string" ? retryAfter : undefined, origin);
  }

  async #send(
    method: "GET" | "POST",
    path: string,
    {
      body,
      trace,
      signal,
      key,
    }: { body?: string; trace?: TraceContext | undefined; signal: AbortSignal; key?: string | undefined },
  ): Promise<Dispatcher.ResponseData> {
    signal.throwIfAborted();
    const headers = {
      ...this.#headers(trace, key),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    try {
      return await request(this.#url(path), {
        method,
        dispatcher: method === "GET" ? this.#aside : this.#agent,
        headers,
        signal,
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, false);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#agent.destroy(), this.#aside.destroy()]);
  }
}

/** Calls back once where what is expected does not come in time. */
class Watch {
  readonly #late: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(late: () => void) {
    this.#late = late;
  }

  expect(ms: number): void {
    this.end();
    this.#timer = setTimeout(this.#late, ms);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** A frame's value. Throws BrokenStream for one that is no JSON, and GatewayError for an error among the frames. */
function parsedFrame(data: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new BrokenStream(`a frame of its stream is no JSON: ${data.slice(0, 100)}`);
  }
  if (typeof value === "object" && value !== null && "error" in value && value.error) {
    throw new BrokenStream(`it sent an error: ${JSON.stringify(value.error).slice(0, 300)}`);
  }
  return value;
}

async function bodyText({ body }: Dispatcher.ResponseData, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > most) throw new BrokenStream(`its answer is longer than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

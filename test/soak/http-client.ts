import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { z } from "zod";

/** How an exchange came to its end, as the client saw it. */
export interface End {
  /**
   * `answered`: in whole; `refused`: an error as the response; `broken off`: an error frame in the stream; `left`: by
   * the client itself; `unclean`: anything else, such as a lost connection, a stream without an end or a body that is
   * no error of OpenAI's shape.
   */
  readonly kind: "answered" | "refused" | "broken off" | "left" | "unclean";
  /** The error's code, or what was unclean. */
  readonly code: string;
  readonly status: number;
  /** When, on the clock of `performance.now()`. */
  readonly at: number;
}

const errorBody = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
  }),
});

/** What a whole response says of the exchange. */
export function readEnd(status: number, type: string, body: string): Omit<End, "at"> {
  if (status !== 200) return { kind: "refused", status, ...codeIn(body) };
  if (!type.startsWith("text/event-stream")) {
    return parsed(body) === undefined ? unclean("no JSON", status) : { kind: "answered", code: "", status };
  }
  if (body.endsWith("data: [DONE]\n\n")) return { kind: "answered", code: "", status };
  const last = body.slice(body.lastIndexOf("\n\ndata: ") + "\n\ndata: ".length);
  return { kind: "broken off", status, ...codeIn(last) };
}

function codeIn(json: string): Pick<End, "code"> | Pick<End, "kind" | "code"> {
  const body = errorBody.safeParse(parsed(json));
  return body.success ? { code: body.data.error.code } : { kind: "unclean", code: "no error in the body" };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const unclean = (code: string, status: number): Omit<End, "at"> => ({ kind: "unclean", code, status });

/** One request on a connection of its own, which the client may leave at any time. */
export class Exchange {
  readonly ended: Promise<End>;
  readonly #request: ClientRequest;
  #left = false;
  #status = 0;

  /** `onData` is called for each piece of the response. */
  constructor(url: string, method: "GET" | "POST", body?: object, onData: () => void = () => {}) {
    const { promise, resolve } = Promise.withResolvers<Omit<End, "at">>();
    this.ended = promise.then((end) => ({ ...end, at: performance.now() }));
    const lost = (error: Error) => {
      const end = unclean(error.message, this.#status);
      resolve(this.#left ? { ...end, kind: "left" } : end);
    };
    this.#request = request(url, {
      method,
      agent: false,
      headers: body === undefined ? {} : { "content-type": "application/json" },
    })
      .once("error", lost)
      .once("response", (response) => this.#read(response, onData).then(resolve, lost));
    this.#request.end(body === undefined ? undefined : JSON.stringify(body));
  }

  /** Ends the connection, in order or by a reset. */
  leave(how: "close" | "reset"): void {
    this.#left = true;
    if (how === "reset") this.#request.socket?.resetAndDestroy();
    this.#request.destroy();
  }

  async #read(response: IncomingMessage, onData: () => void): Promise<Omit<End, "at">> {
    const { statusCode = 0, headers } = response;
    this.#status = statusCode;
    const pieces: Buffer[] = [];
    for await (const piece of response) {
      pieces.push(piece);
      onData();
    }
    return readEnd(statusCode, headers["content-type"] ?? "", Buffer.concat(pieces).toString());
  }
}

/** Sends a request and awaits its end. */
export const exchange = (url: string, body: object): Promise<End> => new Exchange(url, "POST", body).ended;

/** The JSON of a GET. Throws where there is none. */
export async function getJson(url: string): Promise<unknown> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { agent: false }).once("response", resolve).once("error", reject).end();
  });
  return JSON.parse(Buffer.concat(await response.toArray()).toString());
}

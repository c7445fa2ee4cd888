import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** When an engine fails: as it is asked for its models, before, after and amid its answer, and just before its end. */
export const MOMENTS = ["load", "answer", "headers", "middle", "end"] as const;
export type Moment = (typeof MOMENTS)[number];

interface Fault {
  /** Instead of an answer's head, where nothing has been sent. */
  readonly status?: number;
  readonly type?: string;
  readonly body?: string;
  /** What becomes of the connection otherwise. */
  readonly breaks?: (response: ServerResponse) => void | Promise<void>;
}

const json = (status: number, body: object): Fault => ({
  status,
  type: "application/json",
  body: JSON.stringify(body),
});

/** Twenty ways to fail. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  "400 of OpenAI's form": json(400, {
    error: { message: "bad logit_bias", type: "invalid_request_error", param: null, code: null },
  }),
  "400 with an integer code": json(400, {
    object: "error",
    message: "bad logit_bias",
    type: "BadRequestError",
    code: 400,
  }),
  "422 of FastAPI": json(422, {
    detail: [{ loc: ["body", "n"], msg: "bad logit_bias", type: "value_error" }],
  }),
  "401": json(401, { error: { message: "Incorrect API key", code: "invalid_api_key" } }),
  "403 page": { status: 403, type: "text/html", body: "<html><body><h1>Forbidden</h1></body></html>" },
  "404": json(404, { detail: "Not Found" }),
  "429": json(429, { error: "Overloaded", error_type: "overloaded" }),
  "500 of OpenAI's form": json(500, { error: { message: "boom", type: "server_error", code: null } }),
  "500 text": { status: 500, type: "text/plain", body: "Internal Server Error" },
  "502 page": { status: 502, type: "text/html", body: "<html><title>502 Bad Gateway</title></html>" },
  "503 without a body": { status: 503, type: "text/plain", body: "" },
  "503 loading": json(503, { error: { code: 503, message: "Loading model", type: "unavailable_error" } }),
  "a closed connection": { breaks: (response) => void response.socket?.destroy() },
  "an end": { breaks: (response) => void response.end() },
  silence: { breaks: () => new Promise(() => {}) },
  "a frame that is no JSON": { breaks: (response) => void response.end("data: {oops\n\n") },
  "a frame of another form": { breaks: (response) => void response.end('data: {"choices": 5}\n\n') },
  "an unknown end": {
    breaks: (response) =>
      void response.end('data: {"choices":[{"index":0,"text":"","finish_reason":"abort"}]}\n\n'),
  },
  "a line without end": {
    async breaks(response) {
      for (let megabytes = 0; megabytes < 3 && !response.destroyed; megabytes += 1) {
        await new Promise((resolve) => response.write("x".repeat(1 << 20), resolve));
      }
      response.end();
    },
  },
  "an end marker too soon": { breaks: (response) => void response.end("data: [DONE]\n\n") },
};

/** Faults that are the request's own: an engine that says so before its answer is believed. */
export const CLIENT_FAULTS = ["400 of OpenAI's form", "400 with an integer code", "422 of FastAPI"];

export interface FaultyEngine {
  /** The API's base of an engine with a fault; without one, of an engine that answers. */
  base(fault?: string, moment?: Moment): string;
  close(): Promise<void>;
}

/** What an engine without a fault answers, one token a frame. */
export const ANSWER = ["One", " two", " three"];

/** Ids of the answer's tokens, and of the end. */
export interface AnswerIds {
  readonly tokens: readonly number[];
  readonly end: number;
}

/** A server that answers like vLLM and fails as its path says. */
export async function startFaultyEngine({ tokens, end }: AnswerIds): Promise<FaultyEngine> {
  const frame = (ids: readonly number[], finish: string | null): string =>
    `data: ${JSON.stringify({ choices: [{ index: 0, text: "", token_ids: ids, finish_reason: finish }] })}\n\n`;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, name = "", moment = "", ...rest] = (request.url ?? "").split("/").map(decodeURIComponent);
    const path = rest.join("/");
    const fault = FAULTS[name];
    for await (const _ of request) {
      // Read to its end.
    }
    const fails = (now: Moment) => fault !== undefined && moment === now;
    if (path === "v1/models") {
      if (fails("load") && fault !== undefined) return fail(response, fault);
      const data = [{ id: "m", object: "model", owned_by: "vllm", created: 1, max_model_len: 512 }];
      response.setHeader("content-type", "application/json").end(JSON.stringify({ object: "list", data }));
      return;
    }
    if (path !== "v1/completions") {
      response.writeHead(404).end();
      return;
    }
    if (fails("answer") && fault !== undefined) return fail(response, fault);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    if (fails("headers") && fault !== undefined) return fail(response, fault);
    for (const [at, id] of tokens.entries()) {
      if (at === 2 && fails("middle") && fault !== undefined) return fail(response, fault);
      response.write(frame([id], null));
    }
    if (fails("end") && fault !== undefined) return fail(response, fault);
    response.end(`${frame([end], "stop")}data: [DONE]\n\n`);
  };
  const server = createServer((request, response) => {
    response.on("error", () => {});
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    base: (fault = "none", moment = "load") =>
      `http://127.0.0.1:${port}/${encodeURIComponent(fault)}/${moment}/v1`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function fail(response: ServerResponse, { status, type, body = "", breaks }: Fault): Promise<void> {
  if (breaks !== undefined) {
    if (!response.headersSent && breaks.length > 0) response.setHeader("content-type", "text/event-stream");
    await breaks(response);
  } else if (response.headersSent) {
    // An engine that has begun can only say it in its stream.
    response.end(`data: ${JSON.stringify({ error: { message: body, code: status } })}\n\n`);
  } else {
    response.writeHead(status ?? 500, { "content-type": type ?? "text/plain" }).end(body);
  }
}

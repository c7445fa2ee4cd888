import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { GatewayError } from "../errors.ts";
import { errorResponse } from "./error-response.ts";
import type { Exchange } from "./exchange.ts";

/** Headers that every answer has. */
export const commonHeaders = (exchange: Exchange): OutgoingHttpHeaders => ({
  "x-request-id": exchange.id,
  "openai-processing-ms": String(exchange.elapsedMs),
  "x-content-type-options": "nosniff",
});

export interface JsonAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: object;
}

export function sendJson(response: ServerResponse, exchange: Exchange, answer: JsonAnswer): void {
  response.end(writeJsonHead(response, exchange, answer));
}

export interface TextAnswer {
  readonly contentType: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body: string;
}

export function sendText(
  response: ServerResponse,
  exchange: Exchange,
  { contentType, headers = {}, body }: TextAnswer,
): void {
  response.writeHead(200, {
    ...commonHeaders(exchange),
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** Answers with an error, where an answer can still begin; nothing is sent to a client that is gone. */
export function sendError(
  response: ServerResponse,
  exchange: Exchange,
  error: GatewayError,
  headers: OutgoingHttpHeaders = {},
): void {
  exchange.record({ error: error.code });
  if (response.destroyed) return;
  const { close, ...answer } = errorResponse(error);
  const text = writeJsonHead(response, exchange, { ...answer, headers: { ...answer.headers, ...headers } });
  if (!close || response.req.complete) {
    response.end(text);
    return;
  }
  response.write(text);
  endAfterBody(response, exchange.lingerMs);
}

function writeJsonHead(
  response: ServerResponse,
  exchange: Exchange,
  { status, headers, body }: JsonAnswer,
): string {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...commonHeaders(exchange),
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  return text;
}

/** A connection that is closed on a client that is still sending is reset, and the answer lost with it. */
function endAfterBody(response: ServerResponse, lingerMs: number): void {
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  response.req.resume();
  response.req.once("end", end).once("close", end);
}

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { GatewayError } from "../errors.ts";
import { errorResponse } from "./error-response.ts";
import type { Exchange } from "./exchange.ts";

/** Bytes of a refused body that are read and dropped, so that a client that is still sending sees the answer. */
const DISCARDED_BYTES = 16 * 1024 * 1024;

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

/** Answers with an error, where an answer can still begin; nothing is sent to a client that is gone. */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  error: GatewayError,
  headers: OutgoingHttpHeaders = {},
): void {
  exchange.record({ error: error.code });
  if (response.destroyed) return;
  const { close, ...answer } = errorResponse(error);
  const text = writeJsonHead(response, exchange, { ...answer, headers: { ...answer.headers, ...headers } });
  if (!close || request.complete) {
    response.end(text);
    return;
  }
  response.write(text);
  void discard(request).then(() => response.end());
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

async function discard(request: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let discarded = 0;
  request.on("data", (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > DISCARDED_BYTES) resolve();
  });
  for (const event of ["end", "close", "error"]) request.once(event, () => resolve());
  await promise;
}

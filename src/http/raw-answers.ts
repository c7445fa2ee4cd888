import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { GatewayError } from "../errors.ts";
import { errorResponse } from "./error-response.ts";
import { HEADER_BYTES } from "./settings.ts";

/**
 * Answers what never becomes a request: the parser's errors, timeouts and CONNECT. Without this, Node sends a bare
 * status line or nothing. `answering` says whether the head of an answer has been sent on the connection.
 */
export function answerBrokenRequests(
  server: Server,
  answering: (socket: Duplex) => boolean,
  newId: () => string,
): void {
  const answer = (
    socket: Duplex,
    error: GatewayError,
    headers: Readonly<Record<string, string>> = {},
  ): void => {
    if (!socket.writable || answering(socket)) socket.destroy();
    else socket.end(rawResponse(error, { ...headers, "x-request-id": newId() }), () => socket.destroy());
  };
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET" || error.code === "EPIPE") socket.destroy();
    else answer(socket, parserError(error.code));
  });
  server.on("connect", (_request: IncomingMessage, socket: Duplex) => {
    answer(
      socket,
      new GatewayError("method_not_allowed", "This server is no proxy: CONNECT is not allowed."),
      {
        allow: "GET, HEAD, OPTIONS, POST",
        connection: "close",
      },
    );
  });
}

function parserError(code: string | undefined): GatewayError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new GatewayError("header_too_large", `The headers are larger than ${HEADER_BYTES} bytes.`);
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new GatewayError("request_too_large", "The chunk extensions of the body are too large.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new GatewayError("request_timeout", "The request took too long to arrive.");
    default:
      return new GatewayError("bad_request", "The request is not well-formed HTTP/1.1.");
  }
}

function rawResponse(error: GatewayError, more: Readonly<Record<string, string>>): string {
  const { status, headers, body } = errorResponse(error);
  const text = JSON.stringify(body);
  const lines = Object.entries({
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...headers,
    ...more,
  }).map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${status} ${error.code}\r\n${lines.join("\r\n")}\r\n\r\n${text}`;
}

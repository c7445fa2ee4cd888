import type { ServerResponse } from "node:http";
import type { EndpointReply } from "../endpoints/endpoint.ts";
import { GatewayError } from "../errors.ts";
import { clientError, errorResponse } from "./error-response.ts";
import type { Exchange } from "./exchange.ts";
import { commonHeaders } from "./send.ts";

export interface StreamLimits {
  readonly stallMs: number;
  readonly keepAliveMs: number;
}

type EventReply = Extract<EndpointReply, { kind: "events" }>;

/**
 * Sends events as they come: `data:` frames, then `data: [DONE]` unless they have names. The first event is awaited before the headers, so an
 * early failure throws and is answered as an ordinary error. A later one becomes one error frame without `[DONE]`.
 * A reader that takes nothing for `stallMs` is cut off. Leaving always ends the generator.
 */
export async function sendEvents(
  response: ServerResponse,
  exchange: Exchange,
  { events, headers = {}, named = false }: EventReply,
  limits: StreamLimits,
): Promise<void> {
  try {
    let next = await events.next();
    exchange.signal.throwIfAborted();
    response.writeHead(200, {
      ...commonHeaders(exchange),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...headers,
    });
    const keepAlive = setInterval(() => {
      if (!response.writableNeedDrain) response.write(": keep-alive\n\n");
    }, limits.keepAliveMs);
    try {
      while (!next.done) {
        if (!response.write(frame(next.value, named))) await drained(response, exchange, limits.stallMs);
        keepAlive.refresh();
        next = await events.next();
      }
      response.end(named ? "" : "data: [DONE]\n\n");
    } catch (error) {
      endWithError(response, exchange, error);
    } finally {
      clearInterval(keepAlive);
    }
  } finally {
    await events.return();
  }
}

function endWithError(response: ServerResponse, exchange: Exchange, error: unknown): void {
  const told = clientError(error);
  exchange.record({ error: told.code });
  if (told.code === "internal_error") exchange.log.error({ err: error }, "a stream failed");
  // The empty line ends whatever was written by halves before.
  if (told.code === "client_closed_request") response.destroy();
  else response.end(`\n\n${frame(errorResponse(told).body, false)}`);
}

/** Line breaks that JSON leaves alone and some clients split at (Python's `str.splitlines`, which httpx uses). */
const LINE_BREAKS = /[\u0085\u2028\u2029]/g;

function frame(value: object, named: boolean): string {
  const json = JSON.stringify(value).replace(
    LINE_BREAKS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const name = named && "type" in value ? `event: ${String(value.type)}\n` : "";
  return `${name}data: ${json}\n\n`;
}

/** Resolves when the reader has taken what was written; aborts the exchange where it takes nothing. */
async function drained(response: ServerResponse, exchange: Exchange, stallMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    exchange.abort(new GatewayError("client_closed_request", "The client stopped reading its stream."));
  }, stallMs);
  const proceed = (): void => resolve();
  response.once("drain", proceed);
  exchange.signal.addEventListener("abort", proceed, { once: true });
  await promise;
  clearTimeout(timer);
  response.off("drain", proceed);
  exchange.signal.removeEventListener("abort", proceed);
  exchange.signal.throwIfAborted();
}

import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import express, { type Application, type ErrorRequestHandler } from "express";
import type { Log } from "../core/log.ts";
import { type Observer, UNOBSERVED } from "../core/observer.ts";
import type { Endpoint, EndpointContext } from "../endpoints/endpoint.ts";
import { GatewayError } from "../errors.ts";
import type { Access } from "./admission.ts";
import { clientError } from "./error-response.ts";
import { Exchange } from "./exchange.ts";
import { isLoopbackAddress, isLoopbackHost } from "./loopback.ts";
import { answerBrokenRequests } from "./raw-answers.ts";
import { requestId } from "./request-id.ts";
import { type Handler, mountEndpoints } from "./routes.ts";
import { RunningRequests } from "./running-requests.ts";
import { sendError } from "./send.ts";
import {
  defaultHttpSettings,
  HEADER_BYTES,
  type HttpSettings,
  KEEP_ALIVE_TIMEOUT_MS,
  REQUESTS_PER_CONNECTION,
} from "./settings.ts";

export interface HttpServerParts {
  readonly endpoints: readonly Endpoint[];
  readonly context: EndpointContext;
  readonly log: Log;
  readonly settings?: Partial<HttpSettings>;
  /** Asked at each request; undefined: everybody may use the gateway. */
  readonly access?: () => Access | undefined;
  readonly observer?: Observer;
}

export interface HttpServer {
  readonly server: Server;
  /** Resolves with the address, such as `http://127.0.0.1:8000`; rejects with Node's error where it cannot listen. */
  listen(host: string, port: number): Promise<{ readonly address: string }>;
  /**
   * From now on new requests get a 503; running ones have `graceMs` milliseconds to finish and are then ended with an
   * error. Resolves when every connection is closed. A second call is harmless.
   */
  close(options: { readonly graceMs: number }): Promise<void>;
}

export function createServer(parts: HttpServerParts): HttpServer {
  const settings = { ...defaultHttpSettings, ...parts.settings };
  const running = new RunningRequests();
  const answers = new WeakMap<Duplex, ServerResponse>();
  const state: ServerState = { running, draining: false, loopbackOnly: false };
  const app = createApp(parts, settings, state);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answers.set(request.socket, response);
    app(request, response);
  };
  const server = createHttpServer(
    {
      headersTimeout: settings.headersTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      connectionsCheckingInterval: settings.checkMs,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      maxHeaderSize: HEADER_BYTES,
      noDelay: true,
    },
    listener,
  );
  server.maxConnections = settings.connections;
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION;
  server.on("checkExpectation", listener);
  const answering = (socket: Duplex): boolean => {
    const response = answers.get(socket);
    return response?.headersSent === true && !response.writableFinished;
  };
  answerBrokenRequests(server, answering, () => parts.context.newId("req_"));
  return {
    server,
    async listen(host, port) {
      const { address, family, port: bound } = await listen(server, host, port);
      state.loopbackOnly = isLoopbackAddress(address);
      return { address: `http://${family === "IPv6" ? `[${address}]` : address}:${bound}` };
    },
    async close({ graceMs }) {
      state.draining = true;
      server.closeIdleConnections();
      await running.idle(graceMs);
      running.abort(new GatewayError("shutting_down", "The server stopped before the answer was complete."));
      await running.idle(settings.farewellMs);
      await closed(server);
    },
  };
}

interface ServerState {
  readonly running: RunningRequests;
  draining: boolean;
  /** Bound to an address that only this machine reaches. */
  loopbackOnly: boolean;
}

function createApp(
  { endpoints, context, log, access = () => undefined, observer = UNOBSERVED }: HttpServerParts,
  settings: HttpSettings,
  state: ServerState,
): Application {
  const app = express();
  app.disable("x-powered-by").disable("etag").set("query parser", false);
  app.enable("case sensitive routing").enable("strict routing");
  const begin: Handler = (request, response, next) => {
    const id = requestId(request.headers["x-request-id"]) ?? context.newId("req_");
    const { monotonic } = context;
    const { lingerMs } = settings;
    const { method = "", url = "", headers } = request;
    const observed = observer.request({ method, url, headers });
    const exchange: Exchange = new Exchange(
      { request, response, id, log, observer: observed, lingerMs, monotonic },
      () => state.running.delete(exchange),
    );
    response.locals.exchange = exchange;
    if (state.draining) throw new GatewayError("shutting_down", "The server is stopping; try again shortly.");
    state.running.add(exchange);
    refuse(request, settings.uriBytes, state.loopbackOnly);
    next();
  };
  const unknownUrl: Handler = () => {
    throw new GatewayError("unknown_url", "Unknown URL; GET /openapi.json lists those that exist.");
  };
  const failed: ErrorRequestHandler = (error, _request, response, _next) => {
    const { exchange } = response.locals;
    if (!(exchange instanceof Exchange)) throw error;
    const told = clientError(error);
    if (told.code === "internal_error") exchange.log.error({ err: error }, "a request failed");
    sendError(response, exchange, told);
  };
  app.use(begin);
  mountEndpoints(app, endpoints, { context, settings, access });
  app.use(unknownUrl);
  app.use(failed);
  return app;
}

/** Throws GatewayError for what no endpoint should see. */
function refuse({ headers, url = "" }: IncomingMessage, uriBytes: number, loopbackOnly: boolean): void {
  if (url.length > uriBytes) {
    throw new GatewayError("uri_too_long", `The request's target is longer than ${uriBytes} bytes.`);
  }
  const { expect, upgrade, host } = headers;
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
    throw new GatewayError("expectation_failed", "No expectation but 100-continue can be met.");
  }
  // JDK's HttpClient offers h2c with ordinary requests and is content with HTTP/1.1.
  if (upgrade !== undefined && upgrade.toLowerCase() !== "h2c") {
    throw new GatewayError("bad_request", "This server speaks HTTP/1.1 only and upgrades to nothing else.");
  }
  if (loopbackOnly && host !== undefined && !isLoopbackHost(host)) {
    throw new GatewayError(
      "host_not_allowed",
      "This server listens for its own machine only; ask it by the name localhost or 127.0.0.1.",
    );
  }
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, host, resolve);
  await promise;
  server.off("error", reject);
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new TypeError("a TCP server has an address");
  return bound;
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
}

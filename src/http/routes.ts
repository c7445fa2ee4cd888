import type { IncomingMessage } from "node:http";
import type { Application, RequestHandler } from "express";
import type { Reservation } from "../access/limit-store.ts";
import type { Endpoint, EndpointContext } from "../endpoints/endpoint.ts";
import { type ErrorCode, GatewayError } from "../errors.ts";
import { keyServices } from "../routing/key-services.ts";
import { type Access, admit, keyOf } from "./admission.ts";
import { isAdministrative, writeAudit } from "./audit.ts";
import { bearerToken, requireOperator, tenantOf } from "./caller.ts";
import { clientError } from "./error-response.ts";
import type { Exchange } from "./exchange.ts";
import { readJson } from "./read-body.ts";
import { sendError, sendJson, sendText } from "./send.ts";
import type { HttpSettings } from "./settings.ts";
import { sendEvents } from "./sse.ts";

export interface Locals extends Record<string, unknown> {
  exchange: Exchange;
}

/** What every endpoint is answered with. */
export interface Answering {
  readonly context: EndpointContext;
  readonly settings: HttpSettings;
  readonly access: () => Access | undefined;
}

type Params = Record<string, string | string[]>;
export type Handler = RequestHandler<Params, unknown, unknown, unknown, Locals>;

/** Adds a route for each endpoint; other methods on its path are answered with what is allowed. */
export function mountEndpoints(app: Application, endpoints: readonly Endpoint[], answering: Answering): void {
  for (const [path, group] of Map.groupBy(endpoints, (endpoint) => endpoint.path)) {
    const pattern = expressPath(path);
    for (const endpoint of group) app[endpoint.method](pattern, answerWith(endpoint, answering));
    app.all(pattern, refuseMethod(group));
  }
}

/** A name in braces takes the rest of the path, slashes included: model names may hold them. */
const expressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, "*$1");

function answerWith(endpoint: Endpoint, { context, settings, access }: Answering): Handler {
  return (request, response) => {
    const { exchange } = response.locals;
    exchange.route = endpoint.path;
    const work = async (): Promise<void> => {
      let held: Reservation | undefined;
      let tokens = 0;
      let outcome: "done" | ErrorCode = "done";
      try {
        const { adminKey, metricsKey } = settings;
        if (endpoint.admin) requireOperator(request, endpoint.scraped ? [adminKey, metricsKey] : [adminKey]);
        const asked = endpoint.admin || endpoint.open ? undefined : access();
        const key = asked === undefined ? undefined : keyOf(bearerToken(request), asked);
        if (key !== undefined) exchange.record({ key: key.name });
        const body = endpoint.body === null ? undefined : await readJson(request, settings);
        if (asked !== undefined && key !== undefined && endpoint.body !== null) {
          held = await admit(key, body, asked, response);
        }
        const reply = await endpoint.handle(
          {
            params: joined(request.params),
            query: new URLSearchParams(request.url.split("?").slice(1).join("?")),
            body,
            signal: exchange.signal,
            requestId: exchange.id,
            tenant: key?.name ?? tenantOf(request),
            log: exchange.log,
            record(fields) {
              if ("completion_tokens" in fields) tokens = usedTokens(fields);
              exchange.record(fields);
            },
            observer: exchange.observer,
            session: sessionOf(request, settings),
            header(name, value) {
              if (!response.headersSent) response.setHeader(name, value);
            },
          },
          key === undefined ? context : { ...context, services: keyServices(context.services, key) },
        );
        const release = (): void => held?.settle(tokens);
        if (reply.kind === "events") {
          const events = held === undefined ? reply.events : endingWith(reply.events, release);
          await sendEvents(response, exchange, { ...reply, events }, settings);
          return;
        }
        release();
        if (reply.kind === "text") {
          sendText(response, exchange, reply);
        } else {
          const { status = 200, headers = {}, body } = reply;
          sendJson(response, exchange, { status, headers, body });
        }
      } catch (error) {
        const told = clientError(error);
        outcome = told.code;
        if (told.code === "internal_error") exchange.log.error({ err: error }, "a request failed");
        if (response.headersSent) response.destroy();
        else sendError(response, exchange, told);
      } finally {
        held?.settle(tokens);
        if (isAdministrative(endpoint)) {
          writeAudit(exchange, endpoint, request, { model: joined(request.params)["model"], outcome });
        }
      }
    };
    exchange.follow(work());
  };
}

/** The values, and `end` before anybody learns that there are no more: who has the whole answer has its place free. */
async function* endingWith<Value>(
  values: AsyncGenerator<Value, void, undefined>,
  end: () => void,
): AsyncGenerator<Value, void, undefined> {
  try {
    yield* values;
  } finally {
    end();
  }
}

/** Longest name of a session. */
const LONGEST_SESSION = 256;

function sessionOf({ headers }: IncomingMessage, { sessionHeader }: HttpSettings): string | undefined {
  const value = headers[sessionHeader];
  return typeof value === "string" && value !== "" ? value.slice(0, LONGEST_SESSION) : undefined;
}

/** What a request's generations took, as they record it for its log line. */
const usedTokens = ({ prompt_tokens, completion_tokens }: Readonly<Record<string, unknown>>): number =>
  Number(prompt_tokens ?? 0) + Number(completion_tokens ?? 0);

const joined = (params: Params): Record<string, string> =>
  Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, Array.isArray(value) ? value.join("/") : value]),
  );

function refuseMethod(group: readonly Endpoint[]): Handler {
  const methods = group.flatMap(({ method }) =>
    method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()],
  );
  const allow = [...methods, "OPTIONS"].join(", ");
  return (request, response) => {
    const { exchange } = response.locals;
    if (request.method === "OPTIONS") {
      response.writeHead(204, { allow, "x-request-id": exchange.id }).end();
      return;
    }
    const error = new GatewayError("method_not_allowed", `Method not allowed here; allowed are ${allow}.`);
    sendError(response, exchange, error, { allow });
  };
}

import type { Application, RequestHandler } from "express";
import type { Endpoint, EndpointContext } from "../endpoints/endpoint.ts";
import { GatewayError } from "../errors.ts";
import { requireOperator, tenantOf } from "./caller.ts";
import { clientError } from "./error-response.ts";
import type { Exchange } from "./exchange.ts";
import { readJson } from "./read-body.ts";
import { sendError, sendJson, sendText } from "./send.ts";
import type { HttpSettings } from "./settings.ts";
import { sendEvents } from "./sse.ts";

export interface Locals extends Record<string, unknown> {
  exchange: Exchange;
}

type Params = Record<string, string | string[]>;
export type Handler = RequestHandler<Params, unknown, unknown, unknown, Locals>;

/** Adds a route for each endpoint; other methods on its path are answered with what is allowed. */
export function mountEndpoints(
  app: Application,
  endpoints: readonly Endpoint[],
  context: EndpointContext,
  settings: HttpSettings,
): void {
  for (const [path, group] of Map.groupBy(endpoints, (endpoint) => endpoint.path)) {
    const pattern = expressPath(path);
    for (const endpoint of group) app[endpoint.method](pattern, answerWith(endpoint, context, settings));
    app.all(pattern, refuseMethod(group));
  }
}

/** A name in braces takes the rest of the path, slashes included: model names may hold them. */
const expressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, "*$1");

function answerWith(endpoint: Endpoint, context: EndpointContext, settings: HttpSettings): Handler {
  return (request, response) => {
    const { exchange } = response.locals;
    exchange.route = endpoint.path;
    const work = async (): Promise<void> => {
      try {
        const { adminKey, metricsKey } = settings;
        if (endpoint.admin) requireOperator(request, endpoint.scraped ? [adminKey, metricsKey] : [adminKey]);
        const reply = await endpoint.handle(
          {
            params: joined(request.params),
            query: new URLSearchParams(request.url.split("?").slice(1).join("?")),
            body: endpoint.body === null ? undefined : await readJson(request, settings),
            signal: exchange.signal,
            requestId: exchange.id,
            tenant: tenantOf(request),
            log: exchange.log,
            observer: exchange.observer,
            record: (fields) => exchange.record(fields),
          },
          context,
        );
        if (reply.kind === "events") {
          await sendEvents(response, exchange, reply, settings);
        } else if (reply.kind === "text") {
          sendText(response, exchange, reply);
        } else {
          const { status = 200, headers = {}, body } = reply;
          sendJson(response, exchange, { status, headers, body });
        }
      } catch (error) {
        const told = clientError(error);
        if (told.code === "internal_error") exchange.log.error({ err: error }, "a request failed");
        if (response.headersSent) response.destroy();
        else sendError(response, exchange, told);
      }
    };
    exchange.follow(work());
  };
}

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

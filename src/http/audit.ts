import type { IncomingMessage } from "node:http";
import type { Endpoint } from "../endpoints/endpoint.ts";
import type { ErrorCode } from "../errors.ts";
import type { Exchange } from "./exchange.ts";

/** Longest name that is written. */
const LOGGED_NAME = 128;

/** Whether a request to this endpoint is an administrative act. */
export const isAdministrative = ({ admin, method }: Endpoint): boolean => admin && method !== "get";

/** The one line of an administrative act: what, on which model, from where, and what came of it. */
export function writeAudit(
  exchange: Exchange,
  { path }: Endpoint,
  request: IncomingMessage,
  { model, outcome }: { readonly model: string | undefined; readonly outcome: "done" | ErrorCode },
): void {
  const act = path.slice(path.lastIndexOf("/") + 1);
  const subject = model === undefined ? {} : { model: model.slice(0, LOGGED_NAME) };
  const from = request.socket.remoteAddress ?? "unknown";
  exchange.log.info({ audit: act, ...subject, outcome, from }, "an administrative act");
}

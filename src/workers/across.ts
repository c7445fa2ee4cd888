import type { output } from "zod";
import type { Log } from "../core/log.ts";
import { UNOBSERVED } from "../core/observer.ts";
import type { Endpoint, EndpointContext, EndpointRequest } from "../endpoints/endpoint.ts";
import type { Line } from "./line.ts";
import { asksPrimary } from "./procedures.ts";

type Act = output<(typeof asksPrimary)["everywhere"]["question"]>;

/** An endpoint that says something of a process, or does something to it: of all workers, and to all. */
export function everywhere(endpoint: Endpoint, line: Line): Endpoint {
  const { method, path, together } = endpoint;
  if (together === undefined) return endpoint;
  return {
    ...endpoint,
    async handle({ params }) {
      const told = await line.ask(asksPrimary.everywhere, { method, path, params });
      return { kind: "json", body: together(told) };
    },
  };
}

/** This process' part of it. Throws what the endpoint throws. */
export async function localAct(
  endpoints: readonly Endpoint[],
  { method, path, params }: Act,
  { context, log }: { context: EndpointContext; log: Log },
): Promise<Record<string, unknown>> {
  const endpoint = endpoints.find((one) => one.method === method && one.path === path);
  if (endpoint === undefined) throw new TypeError(`there is no endpoint ${method} ${path}`);
  const reply = await endpoint.handle(requestOf(params, log), context);
  if (reply.kind !== "json") throw new TypeError(`${path} answers with no JSON`);
  return { ...reply.body };
}

/** What comes by way of another process: who asks, and that he may, was found out there. */
const requestOf = (params: Act["params"], log: Log): EndpointRequest<unknown> => ({
  params,
  query: new URLSearchParams(),
  body: undefined,
  signal: new AbortController().signal,
  requestId: "",
  tenant: "",
  log,
  observer: UNOBSERVED.request({ method: "", url: "", headers: {} }),
  session: undefined,
  header: () => undefined,
  record: () => undefined,
});

import { GatewayError } from "../errors.ts";
import { defineGet } from "./define-endpoint.ts";
import { statusResponse } from "./response-schemas.ts";

export const health = defineGet({
  path: "/health",
  summary: "Alive: the gateway's process answers",
  response: statusResponse,
  open: true,
  async handle() {
    return { kind: "json", body: { status: "ok" } };
  },
});

export const readiness = defineGet({
  path: "/ready",
  summary: "Able to answer: the engine of every preloaded model makes progress; 503 otherwise",
  response: statusResponse,
  open: true,
  async handle({ signal, log }, { services }) {
    const { ready, problems } = await services.ready(signal);
    if (ready) return { kind: "json", body: { status: "ready" } };
    log.warn({ problems }, "not ready");
    throw new GatewayError("engine_unavailable", `Not ready: ${Object.keys(problems).join(", ")}.`);
  },
});

import type { RouteStatus, Services } from "../routing/route.ts";
import { defineGet } from "./define-endpoint.ts";
import { adminRouteListResponse } from "./response-schemas.ts";
import { modelsOfAll } from "./together.ts";

export const listAdminRoutes = defineGet({
  path: "/admin/routes",
  summary: "How requests find their placements: strategy, circuits, load, failures",
  response: adminRouteListResponse,
  admin: true,
  together: modelsOfAll,
  async handle(_request, { services, now }) {
    const data = services.routes().map((route) => {
      const { routing } = route;
      const status = services.routing(route);
      return {
        id: route.name,
        object: "admin.route",
        routing_strategy: routing.strategy,
        session_affinity: routing.sessionAffinity,
        fallbacks: routing.fallbacks,
        context_window_fallbacks: routing.contextWindowFallbacks,
        retries_left: status.retriesLeft,
        hedging_ms: status.hedgingMs,
        placements: placements(status, services.placements(route), now()),
      };
    });
    return { kind: "json", body: { object: "list", data } };
  },
});

function placements(status: RouteStatus, loads: ReturnType<Services["placements"]>, now: number): object[] {
  return status.placements.map(({ placement, circuit, restMs, state, waiting }) => {
    const { inFlight, latencyMs, requests, failures, lastFailure } = state;
    const load = loads.find(({ id }) => id === placement.id);
    return {
      id: placement.id,
      driver: placement.driver.driver,
      weight: placement.weight,
      state: load?.state ?? "unloaded",
      circuit,
      tried_again_at: restMs > 0 ? Math.ceil(now + restMs / 1000) : null,
      in_flight: inFlight,
      engine_waiting: waiting,
      kv_usage: load?.loaded?.kvUsage ?? null,
      first_token_ms: latencyMs === null ? null : Math.round(latencyMs),
      requests,
      failures,
      last_failure: lastFailure === null ? null : { ...lastFailure, at: Math.floor(lastFailure.at / 1000) },
    };
  });
}

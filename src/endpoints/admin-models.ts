import type { PlacementStatus, Route, Services } from "../routing/route.ts";
import { defineAction, defineGet } from "./define-endpoint.ts";
import { adminModelListResponse, adminModelResponse } from "./response-schemas.ts";
import { modelOfAll, modelsOfAll } from "./together.ts";

export const listAdminModels = defineGet({
  path: "/admin/models",
  summary: "List the models with the state of their placements",
  response: adminModelListResponse,
  admin: true,
  together: modelsOfAll,
  async handle(_request, { services }) {
    const data = services.routes().map((route) => adminModel(route, services));
    return { kind: "json", body: { object: "list", data } };
  },
});

export const retrieveAdminModel = defineGet({
  path: "/admin/models/{model}",
  summary: "The state of one model's placements",
  response: adminModelResponse,
  admin: true,
  together: modelOfAll,
  async handle({ params }, { services }) {
    return { kind: "json", body: adminModel(services.resolve(params["model"]).route, services) };
  },
});

export const loadModel = defineAction({
  path: "/admin/models/{model}/load",
  summary: "Load a model and wait until it is loaded; harmless for one that is",
  response: adminModelResponse,
  admin: true,
  together: modelOfAll,
  async handle({ params, signal }, { services }) {
    const { route } = services.resolve(params["model"]);
    await services.load(route, signal);
    return { kind: "json", body: adminModel(route, services) };
  },
});

export const unloadModel = defineAction({
  path: "/admin/models/{model}/unload",
  summary:
    "Unload a model once its running answers have ended, and wait for it; the next request loads it again",
  response: adminModelResponse,
  admin: true,
  together: modelOfAll,
  async handle({ params }, { services }) {
    const { route } = services.resolve(params["model"]);
    await services.unload(route);
    return { kind: "json", body: adminModel(route, services) };
  },
});

function adminModel(route: Route, services: Services): object {
  const placements = services.placements(route).map(placementBody);
  return { id: route.name, object: "admin.model", placements };
}

function placementBody({ id, driver, state, progress, loaded }: PlacementStatus): object {
  return {
    id,
    driver,
    state,
    progress,
    precision: loaded?.precision ?? null,
    context_length: loaded?.contextLength ?? null,
    memory_bytes: loaded?.memoryBytes ?? null,
    slots: loaded === null ? null : { total: loaded.slots, busy: loaded.busySlots },
    kv_usage: loaded?.kvUsage ?? null,
    queued_requests: loaded?.waiting ?? 0,
    restarts: loaded?.restarts ?? 0,
  };
}

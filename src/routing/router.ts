import { GatewayError } from "../errors.ts";
import { modelNotFound } from "./model-not-found.ts";
import type { ResolvedRoute, Route } from "./route.ts";

/** Finds the route for the name that a client uses; names are case-sensitive and unique (the config sees to that). */
export interface Router {
  readonly routes: readonly Route[];
  /** Throws GatewayError `model_not_found`, or `missing_required_parameter` without a name and a default model. */
  resolve(name: string | undefined): ResolvedRoute;
}

export function createRouter(routes: readonly Route[], defaultModel: string | undefined): Router {
  const byName = new Map<string, ResolvedRoute>();
  for (const route of routes) {
    for (const name of [route.name, ...route.aliases]) byName.set(name, { route, instruct: false });
    for (const name of route.instructAliases) byName.set(name, { route, instruct: true });
  }
  return {
    routes,
    resolve(name = defaultModel) {
      if (name === undefined) {
        throw new GatewayError("missing_required_parameter", "you must provide a model parameter", {
          param: "model",
        });
      }
      const found = byName.get(name);
      if (found === undefined) throw modelNotFound(name);
      return found;
    },
  };
}

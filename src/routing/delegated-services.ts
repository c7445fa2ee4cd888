import type { Services } from "./route.ts";

/** Services that ask those which are current at each call. */
export function delegatedServices(current: () => Services): Services {
  return {
    routes: () => current().routes(),
    resolve: (name) => current().resolve(name),
    facts: (route) => current().facts(route),
    generate: (...call) => current().generate(...call),
    withModel: (route, use, signal) => current().withModel(route, use, signal),
    ready: (signal) => current().ready(signal),
    placements: (route) => current().placements(route),
    routing: (route) => current().routing(route),
    load: (route, signal) => current().load(route, signal),
    unload: (route) => current().unload(route),
  };
}

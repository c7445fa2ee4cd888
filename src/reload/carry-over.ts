import { engineIdentity } from "../config/routes.ts";
import type { Config } from "../config/schema.ts";
import type { Placement, Route } from "../routing/route.ts";

/** A configuration and the routes that were made of it, in its order. */
export interface RouteTable {
  readonly config: Config;
  readonly routes: readonly Route[];
}

/**
 * The next table with every placement that is as it was before under its old id, so that its engine stays; the others
 * get ids that were never used. `generation`: the next table's number.
 */
export function carryOver(next: RouteTable, before: RouteTable, generation: number): Route[] {
  return next.routes.map((route) => {
    const unclaimed = identified(before, route.name);
    const placements = identified(next, route.name).map(({ identity, placement }): Placement => {
      const at = unclaimed.findIndex((candidate) => candidate.identity === identity);
      const [kept] = at < 0 ? [] : unclaimed.splice(at, 1);
      if (kept === undefined) return { ...placement, id: `${placement.id}~${generation}` };
      return { ...placement, id: kept.placement.id, driver: kept.placement.driver };
    });
    return { ...route, placements };
  });
}

/** The placements of `table` that `other` does not have, with their routes. */
export function placementsOnlyIn(
  table: Pick<RouteTable, "routes">,
  other: Pick<RouteTable, "routes">,
): { route: Route; placement: Placement }[] {
  const kept = new Set(other.routes.flatMap(({ placements }) => placements.map(({ id }) => id)));
  return table.routes.flatMap((route) =>
    route.placements.filter(({ id }) => !kept.has(id)).map((placement) => ({ route, placement })),
  );
}

function identified({ config, routes }: RouteTable, name: string) {
  const model = config.models[name];
  const placements = routes.find((route) => route.name === name)?.placements ?? [];
  if (model === undefined) return [];
  return placements.map((placement) => ({ identity: engineIdentity(model, placement.index), placement }));
}

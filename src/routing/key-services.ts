import { GatewayError } from "../errors.ts";
import { delegatedServices } from "./delegated-services.ts";
import { modelNotFound } from "./model-not-found.ts";
import type { Route, Services } from "./route.ts";

/** What a key says of the models. */
export interface KeyScope {
  /** Names of the models that it may use; null: every one. */
  readonly models: readonly string[] | null;
  /** Added to the priority of its requests. */
  readonly priority: number;
}

/** The services as the holder of a key sees them: other models do not exist, and nobody is served before the key's turn. */
export function keyServices(services: Services, { models, priority }: KeyScope): Services {
  const allowed = ({ name }: Route): boolean => models === null || models.includes(name);
  return {
    ...delegatedServices(() => services),
    routes: () => services.routes().filter(allowed),
    resolve(name) {
      const resolved = services.resolve(name);
      if (!allowed(resolved.route)) throw modelNotFound(name ?? resolved.route.name);
      return resolved;
    },
    generate: (route, prepare, ...rest) =>
      services.generate(
        route,
        (model) => {
          const request = prepare(model);
          if (request.priority < 0) {
            throw new GatewayError(
              "invalid_value",
              "With an API key, priority is 0 or more: later than the key's own turn.",
              {
                param: "priority",
              },
            );
          }
          return { ...request, priority: priority + request.priority };
        },
        ...rest,
      ),
  };
}

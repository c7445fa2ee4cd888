import { Keyring } from "../access/keyring.ts";
import type { LimitStore } from "../access/limit-store.ts";
import type { RateLimits } from "../config/rate-limits.ts";
import type { Config } from "../config/schema.ts";
import type { Access } from "../http/admission.ts";
import type { Route, Services } from "../routing/route.ts";
import type { Preloading } from "../routing/services.ts";

/** Everything that follows from one configuration and is replaced with it, as one piece. */
export interface Generation {
  readonly config: Config;
  readonly routes: readonly Route[];
  readonly services: Services & Preloading;
  readonly limits: LimitStore;
  /** Undefined where no keys are asked for. */
  readonly access: Access | undefined;
}

export interface GenerationParts {
  /** The routes of a configuration. */
  routes(config: Config): Promise<Route[]>;
  services(routes: readonly Route[], config: Config): Services & Preloading;
  limits(options: RateLimits): LimitStore;
}

/** The first configuration, put together. */
export async function firstGeneration(config: Config, parts: GenerationParts): Promise<Generation> {
  return generation(config, await parts.routes(config), parts.limits(config.rate_limits), parts);
}

/** A configuration put together with the given routes and limits. */
export function generation(
  config: Config,
  routes: readonly Route[],
  limits: LimitStore,
  parts: Pick<GenerationParts, "services">,
): Generation {
  const { api_keys: keys } = config;
  const access = keys === undefined ? undefined : { keyring: new Keyring(keys), limits };
  return { config, routes, services: parts.services(routes, config), limits, access };
}

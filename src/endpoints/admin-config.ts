import { GatewayError } from "../errors.ts";
import type { Changes, Configuration, ConfigurationState } from "../reload/configuration.ts";
import { defineAction, defineGet } from "./define-endpoint.ts";
import type { EndpointContext } from "./endpoint.ts";
import { adminConfigResponse, adminReloadResponse } from "./response-schemas.ts";
import { configOfAll } from "./together.ts";

export const showConfig = defineGet({
  path: "/admin/config",
  summary:
    "How the configuration stands: its last reloads, the keys without their secrets, where limits are counted",
  response: adminConfigResponse,
  admin: true,
  together: configOfAll,
  async handle(_request, context) {
    return { kind: "json", body: configBody(configurationOf(context).state()) };
  },
});

export const reloadConfig = defineAction({
  path: "/admin/reload",
  summary: "Read the config file again and apply it without dropping a request; a wrong one changes nothing",
  response: adminReloadResponse,
  admin: true,
  async handle(_request, context) {
    const configuration = configurationOf(context);
    const changes = await configuration.reload("admin");
    return { kind: "json", body: reloadBody(changes, configuration.state()) };
  },
});

function configurationOf({ configuration }: EndpointContext): Configuration {
  if (configuration !== undefined) return configuration;
  throw new GatewayError(
    "invalid_config",
    "This gateway was started without a config file: there is none to read again.",
  );
}

const reloadBody = (
  { models, keys, restartRequired }: Changes,
  { generation }: ConfigurationState,
): object => ({
  object: "admin.reload",
  generation,
  models,
  keys,
  restart_required: restartRequired,
});

function configBody(state: ConfigurationState): object {
  return {
    object: "admin.config",
    source: state.source,
    generation: state.generation,
    applied_at: state.appliedAt,
    reloads: state.reloads,
    refusal: state.refusal,
    restart_required: state.restartRequired,
    keys: state.keys.map(({ name, models, rpm, tpm, maxParallel, priority }) => ({
      name,
      models,
      rpm,
      tpm,
      max_parallel_requests: maxParallel,
      priority,
    })),
    limits: state.limits,
  };
}

import { packageVersion } from "./cli/package.ts";
import { createLimits } from "./config/limits.ts";
import { planModel } from "./config/planned.ts";
import { buildRoutes } from "./config/routes.ts";
import type { Config } from "./config/schema.ts";
import type { Driver, LoadContext } from "./core/driver.ts";
import type { Log } from "./core/log.ts";
import type { MachineFacts } from "./core/machine.ts";
import { endpoints, pageEndpoints } from "./endpoints/index.ts";
import { responseStore } from "./endpoints/responses/open-store.ts";
import { createServer } from "./http/app.ts";
import { isLoopbackHost } from "./http/loopback.ts";
import type { Hub } from "./hub/hub.ts";
import { listenFailure } from "./listen-failure.ts";
import { thisMachine, withCurrentGpus } from "./machine/this-machine.ts";
import { newId } from "./new-id.ts";
import type { PlanRow } from "./placement/plan.ts";
import { tellPlan } from "./placement/told.ts";
import type { Configuration } from "./reload/configuration.ts";
import { firstGeneration } from "./reload/generation.ts";
import { type ConfigSource, LiveConfiguration } from "./reload/live-configuration.ts";
import { delegatedServices } from "./routing/delegated-services.ts";
import { HealthChecks } from "./routing/health-checks.ts";
import { PlacementStates } from "./routing/placement-state.ts";
import { type LoadDisplay, Pool } from "./routing/pool.ts";
import type { Route, Services } from "./routing/route.ts";
import { createRouter } from "./routing/router.ts";
import { createServices } from "./routing/services.ts";
import { createTelemetry } from "./telemetry/telemetry.ts";
import { chooseTemplate, templateNamed } from "./templates/index.ts";
import type { Crew } from "./workers/crew.ts";

export interface GatewayParts {
  readonly config: Config;
  readonly drivers: readonly Driver[];
  /** Where relative paths of the config start. */
  readonly folder: string;
  readonly cacheDir: string;
  /** Where models that are named by a repository are fetched from. */
  readonly hub?: Hub;
  readonly log: Log;
  /** What this machine has; by default it is looked at when a placement wants to know. */
  readonly machine?: () => MachineFacts;
  /** Where the config can be read again; undefined where it is no file. */
  readonly source?: ConfigSource;
  /** The processes that serve with this one, where there are others. */
  readonly crew?: Crew;
  showLoad(route: Route): LoadDisplay;
  /** Calls back once after a time in milliseconds; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export interface Gateway {
  readonly services: Services;
  /** Undefined where the config is no file. */
  readonly configuration: Configuration | undefined;
  /** What the machine makes of a model's placements, whether they are used or not. */
  plan(model: string): readonly PlanRow[];
  /** Listens where the config says; resolves with the address, such as `http://127.0.0.1:8000`. */
  listen(): Promise<string>;
  /** Loads the models that the config wants loaded at start. */
  preload(signal: AbortSignal): Promise<void>;
  /** Refuses new requests, lets running ones finish within the grace period, and frees everything. */
  close(): Promise<void>;
}

const silent: LoadDisplay = { update: () => undefined, end: () => undefined };

/**
 * The composition root: everything that a configuration asks for, put together.
 * Throws OperatorError where a template is to be chosen from a model that cannot be read.
 */
export async function createGateway(parts: GatewayParts): Promise<Gateway> {
  const { config, drivers, folder, cacheDir, hub, log, crew, showLoad, after } = parts;
  const machine = parts.machine ?? thisMachine(drivers, cacheDir);
  const machineNow = parts.machine === undefined ? () => withCurrentGpus(machine()) : async () => machine();
  const plans = new Map<string, readonly PlanRow[]>();
  const monotonic = () => performance.now();
  const context = (
    { name, maxModelLen }: Pick<Route, "name" | "maxModelLen">,
    onProgress: LoadContext["onProgress"] = silent.update,
  ): LoadContext => ({ name, cacheDir, maxModelLen, log: log.child({ model: name }), onProgress });
  const now = () => Math.floor(Date.now() / 1000);
  const graceMs = config.shutdown_grace * 1000;
  const pool = new Pool({ log, context, showLoad, monotonic, after, graceMs });
  const states = new PlacementStates();
  const generations = {
    async routes(from: Config) {
      for (const [name, model] of Object.entries(from.models)) {
        const sources = { drivers, folder, ...(hub === undefined ? {} : { hub }), machine: machine() };
        const rows = await planModel(name, model, { ...sources, bandwidth: null });
        tellPlan(log, name, rows);
        plans.set(name, rows);
      }
      return buildRoutes(from, {
        drivers,
        templateNamed,
        chooseTemplate,
        folder,
        ...(hub === undefined ? {} : { hub }),
        machine,
        machineNow,
        context: (name, maxModelLen) => context({ name, maxModelLen }),
      });
    },
    services: (routes: readonly Route[], from: Config) =>
      createServices({
        router: createRouter(routes, from.default_model),
        pool,
        states,
        log,
        monotonic,
        wallClock: Date.now,
        random: Math.random,
        after,
        context,
      }),
    limits: (options: Config["rate_limits"]) =>
      createLimits(options, { own: crew?.limits, log, newId: () => newId(""), monotonic, after }),
  };
  const source = parts.source ?? { name: "", read: () => config };
  const live = new LiveConfiguration(await firstGeneration(crew?.current ?? config, generations), {
    ...generations,
    start: config,
    fellowship: crew,
    source,
    pool,
    log,
    now,
    after,
  });
  const services = delegatedServices(() => live.current.services);
  const configuration = parts.source === undefined ? undefined : live;
  const healthChecks = new HealthChecks({
    routes: () => services.routes(),
    pool,
    states,
    log,
    monotonic,
    wallClock: Date.now,
    after,
  });
  const responses = await responseStore(config.responses, { folder, cacheDir }, Date.now);
  const telemetry = await createTelemetry(config, {
    version: packageVersion,
    log,
    placements: () =>
      services.routes().map((route) => ({ model: route.name, placements: services.placements(route) })),
    configuration: () => live.state(),
  });
  const { metrics, observer } = telemetry;
  const { admin_key: adminKey, metrics_key: metricsKey } = config;
  const alone = {
    endpoints: [...endpoints, ...pageEndpoints],
    context: { services, responses, now, monotonic, newId, metrics, configuration },
  };
  const server = createServer({
    ...(crew?.join({ ...alone, live, metrics, log }) ?? alone),
    log,
    observer,
    settings: {
      stallMs: config.client_stall_timeout * 1000,
      adminKey,
      metricsKey,
      sessionHeader: config.router_settings.session_header.toLowerCase(),
    },
    access: () => live.current.access,
  });
  return {
    services,
    configuration,
    plan: (model) => plans.get(model) ?? [],
    preload: (signal) => live.preload(signal),
    async listen() {
      try {
        const { address } = await server.listen(config.host, config.port);
        if (live.current.access === undefined && !isLoopbackHost(new URL(address).hostname)) {
          log.warn({ address }, "no api_keys are configured: everybody who reaches this address may use it");
        }
        log.info({ address, models: services.routes().map(({ name }) => name) }, "listening");
        return address;
      } catch (error) {
        throw listenFailure(error, config.host, config.port);
      }
    },
    async close() {
      live.stop();
      healthChecks.stop();
      await server.close({ graceMs });
      await pool.close();
      await live.close();
      responses.close();
      await telemetry.close();
    },
  };
}

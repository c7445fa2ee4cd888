import type { Driver } from "../core/driver.ts";
import type { Log } from "../core/log.ts";
import { GatewayError, OperatorError } from "../errors.ts";
import { createGateway, type Gateway, type GatewayParts } from "../gateway.ts";
import { hubOf } from "../hub/hub.ts";
import { createLog } from "../telemetry/log.ts";
import { type BannerModel, banner, READY } from "./banner.ts";
import { cacheFolder } from "./cache-folder.ts";
import type { LoadedConfig } from "./config-source.ts";
import { packageVersion } from "./package.ts";
import { showProgress } from "./progress.ts";
import { reloadOnChange } from "./reload-on-change.ts";
import { stopOnSignal } from "./stop-on-signal.ts";
import { after, type Terminal } from "./terminal.ts";

/**
 * Serves until SIGINT or SIGTERM; then running requests finish within the grace period. A second signal ends the
 * process at once with status 1.
 */
export async function serve(
  loaded: LoadedConfig,
  terminal: Terminal,
  drivers: readonly Driver[],
): Promise<void> {
  const { config, source, file, warnings } = loaded;
  const log = createLog(config.log_level);
  for (const warning of warnings) log.warn({ file: source }, warning);
  if (file !== undefined && config.workers > 1) {
    const { serveWithWorkers } = await import("./serve-with-workers.ts");
    await serveWithWorkers({ config, source, file }, terminal, log);
    return;
  }
  const { note, columns } = terminal;
  const monotonic = () => performance.now();
  const gateway = await createGateway({
    ...gatewayParts(loaded, { terminal, drivers, log }),
    ...(file === undefined ? {} : { source: { name: source, read: () => file.parse(file.bytes()) } }),
    showLoad: ({ name }) => showProgress(`loading ${name}`, { note, columns, monotonic, after }),
  });
  const stop = stopOnSignal(terminal, config, () => undefined);
  const { configuration } = gateway;
  const stopReloading = configuration && reloadOnChange(configuration, { source, config, terminal });
  try {
    const address = await gateway.listen();
    terminal.print(await bannerOf(gateway, address));
    await Promise.race([preload(gateway, stop.signal), stop.asked]);
    if (!stop.signal.aborted) terminal.print(READY);
    await stop.asked;
  } finally {
    stopReloading?.();
    await gateway.close();
    stop.forget();
  }
}

/** What a gateway is made of that serves on its own or with others. */
export function gatewayParts(
  { config, folder, lockFile }: LoadedConfig,
  { terminal, drivers, log }: { terminal: Terminal; drivers: readonly Driver[]; log: Log },
): Omit<GatewayParts, "showLoad"> {
  const { env, home } = terminal;
  return {
    config,
    drivers,
    folder,
    cacheDir: cacheFolder({ config, folder }, terminal),
    log,
    hub: hubOf(env, home, lockFile),
    after,
  };
}

/** Throws OperatorError. */
export async function preload(gateway: Gateway, signal: AbortSignal): Promise<void> {
  try {
    await gateway.preload(signal);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const reason = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new OperatorError(`${error.message}${reason}`, { cause: error });
  }
}

export async function bannerOf(gateway: Gateway, address: string, workers = 1): Promise<string> {
  return banner(packageVersion, address, await bannerModels(gateway), workers);
}

const bannerModels = ({ services, plan }: Gateway): Promise<BannerModel[]> =>
  Promise.all(
    services.routes().map(async (route) => ({
      route,
      facts: await services.facts(route),
      plan: plan(route.name),
    })),
  );

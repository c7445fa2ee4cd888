import type { Driver } from "../core/driver.ts";
import { GatewayError, OperatorError } from "../errors.ts";
import { createGateway, type Gateway } from "../gateway.ts";
import { hubOf } from "../hub/hub.ts";
import { createLog } from "../telemetry/log.ts";
import { type BannerModel, banner } from "./banner.ts";
import { cacheFolder } from "./cache-folder.ts";
import type { LoadedConfig } from "./config-source.ts";
import { packageVersion } from "./package.ts";
import { showProgress } from "./progress.ts";
import { reloadOnChange } from "./reload-on-change.ts";
import { after, type Terminal } from "./terminal.ts";

/**
 * Serves until SIGINT or SIGTERM; then running requests finish within the grace period. A second signal ends the
 * process at once with status 1.
 */
export async function serve(
  { config, folder, source, read, warnings }: LoadedConfig,
  terminal: Terminal,
  drivers: readonly Driver[],
): Promise<void> {
  const { env, home, note, columns } = terminal;
  const monotonic = () => performance.now();
  const log = createLog(config.log_level);
  for (const warning of warnings) log.warn({ file: source }, warning);
  const gateway = await createGateway({
    config,
    drivers,
    folder,
    cacheDir: cacheFolder({ config, folder }, terminal),
    log,
    ...(read === undefined ? {} : { source: { name: source, read } }),
    hub: hubOf(env, home),
    showLoad: ({ name }) => showProgress(`loading ${name}`, { note, columns, monotonic, after }),
    after,
  });
  const stop = new AbortController();
  const stopped = new Promise<void>((resolveStopped) => {
    stop.signal.addEventListener("abort", () => resolveStopped(), { once: true });
  });
  const forgetSignals = terminal.onSignal(() => {
    if (stop.signal.aborted) terminal.exit(1);
    stop.abort();
    terminal.note(
      `\nstopping: running requests have ${config.shutdown_grace} s; a second signal ends them at once\n`,
    );
  });
  const { configuration } = gateway;
  const stopReloading = configuration && reloadOnChange(configuration, { source, config, terminal });
  try {
    const address = await gateway.listen();
    terminal.print(banner(packageVersion, address, await bannerModels(gateway)));
    await Promise.race([preload(gateway, stop.signal), stopped]);
    if (!stop.signal.aborted) terminal.print("Ready. Ctrl-C stops it.\n");
    await stopped;
  } finally {
    stopReloading?.();
    await gateway.close();
    forgetSignals();
  }
}

async function preload(gateway: Gateway, signal: AbortSignal): Promise<void> {
  try {
    await gateway.preload(signal);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const reason = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new OperatorError(`${error.message}${reason}`, { cause: error });
  }
}

const bannerModels = ({ services }: Gateway): Promise<BannerModel[]> =>
  Promise.all(services.routes().map(async (route) => ({ route, facts: await services.facts(route) })));

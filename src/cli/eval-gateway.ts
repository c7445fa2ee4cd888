import type { Driver } from "../core/driver.ts";
import { createGateway } from "../gateway.ts";
import { hubOf } from "../hub/hub.ts";
import { createLog } from "../telemetry/log.ts";
import { cacheFolder } from "./cache-folder.ts";
import type { LoadedConfig } from "./config-source.ts";
import { showProgress } from "./progress.ts";
import { after, type Terminal } from "./terminal.ts";

/** Measures something through the API of a gateway that is started for it and listens to this machine only. */
export async function withGateway<Result>(
  loaded: LoadedConfig,
  { terminal, drivers }: { terminal: Terminal; drivers: readonly Driver[] },
  measure: (base: string) => Promise<Result>,
): Promise<Result> {
  const { note, columns } = terminal;
  const gateway = await createGateway({
    config: { ...loaded.config, host: "127.0.0.1", port: 0 },
    drivers,
    folder: loaded.folder,
    cacheDir: cacheFolder(loaded, terminal),
    hub: hubOf(terminal.env, terminal.home, loaded.lockFile),
    log: createLog("warn"),
    showLoad: ({ name }) =>
      showProgress(`loading ${name}`, { note, columns, monotonic: () => performance.now(), after }),
    after,
  });
  try {
    return await measure(await gateway.listen());
  } finally {
    await gateway.close();
  }
}

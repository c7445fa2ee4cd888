import { ProcessLimits } from "../access/process-limits.ts";
import type { Config } from "../config/schema.ts";
import type { Log } from "../core/log.ts";
import { Primary } from "../workers/primary.ts";
import { READY } from "./banner.ts";
import type { ConfigFile } from "./config-source.ts";
import { reloadOnChange } from "./reload-on-change.ts";
import { stopOnSignal } from "./stop-on-signal.ts";
import type { Terminal } from "./terminal.ts";

/** `serve` where several processes answer: this one starts them, and serves nothing itself. */
export async function serveWithWorkers(
  { config, source, file }: { config: Config; source: string; file: ConfigFile },
  terminal: Terminal,
  log: Log,
): Promise<void> {
  const monotonic = () => performance.now();
  const primary = new Primary({
    workers: config.workers,
    started: file.started,
    read: () => file.bytes(),
    graceMs: config.shutdown_grace * 1000,
    limits: new ProcessLimits(monotonic),
    metrics: config.metrics ? new (await import("../workers/fleet-metrics.ts")).FleetMetrics() : undefined,
    log,
    monotonic,
  });
  const stop = stopOnSignal(terminal, config, () => primary.kill());
  const stopReloading = reloadOnChange(primary, { source, config, terminal });
  try {
    const { banner } = await Promise.race([primary.listen(), stop.asked.then(() => ({ banner: "" }))]);
    terminal.print(banner);
    await Promise.race([primary.ready(), stop.asked]);
    if (!stop.signal.aborted) terminal.print(READY);
    await stop.asked;
  } finally {
    stopReloading();
    await primary.close();
    stop.forget();
  }
}

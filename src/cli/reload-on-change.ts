import type { Config } from "../config/schema.ts";
import type { Configuration, Trigger } from "../reload/configuration.ts";
import { watchFile } from "./file-watch.ts";
import type { Terminal } from "./terminal.ts";

export interface ReloadParts {
  /** The config file. */
  readonly source: string;
  readonly config: Pick<Config, "watch_config">;
  readonly terminal: Pick<Terminal, "onHangup">;
}

/** Reads the configuration again at SIGHUP, and when its file changes; returns what ends that. */
export function reloadOnChange(
  configuration: Pick<Configuration, "reload">,
  { source, config, terminal }: ReloadParts,
): () => void {
  // What is refused has been logged, and the last good configuration stays.
  const reload = (trigger: Trigger) => void configuration.reload(trigger).catch(() => undefined);
  const ends = [terminal.onHangup(() => reload("signal"))];
  if (config.watch_config) ends.push(watchFile(source, () => reload("file")));
  return () => {
    for (const end of ends) end();
  };
}

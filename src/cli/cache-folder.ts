import { resolve } from "node:path";
import { defaultCacheFolder } from "../config/cache-folder.ts";
import type { LoadedConfig } from "./config-source.ts";
import type { Terminal } from "./terminal.ts";

type Surroundings = Pick<Terminal, "platform" | "env" | "home" | "cwd">;

/** Folder of what is converted, installed and measured, as a config with its environment and flags says. */
export function cacheFolder(
  { config, folder }: Pick<LoadedConfig, "config" | "folder">,
  { platform, env, home }: Omit<Surroundings, "cwd">,
): string {
  return config.cache_dir ? resolve(folder, config.cache_dir) : defaultCacheFolder(platform, env, home);
}

/** The same folder for commands that read no config: a flag, DOLLY_CACHE, or the user's cache. */
export function namedCacheFolder(
  flag: string | undefined,
  { platform, env, home, cwd }: Surroundings,
): string {
  const named = flag ?? (env["DOLLY_CACHE"] || undefined);
  return named === undefined ? defaultCacheFolder(platform, env, home) : resolve(cwd, named);
}

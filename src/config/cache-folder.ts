import { join } from "node:path";

/** Where converted models are kept unless the config says otherwise: the user's cache folder, by platform. */
export function defaultCacheFolder(
  platform: string,
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): string {
  const { LOCALAPPDATA: local, XDG_CACHE_HOME: xdg } = env;
  if (platform === "win32") return join(local || join(home, "AppData", "Local"), "dolly-gateway", "cache");
  if (platform === "darwin") return join(home, "Library", "Caches", "dolly-gateway");
  return join(xdg || join(home, ".cache"), "dolly-gateway");
}

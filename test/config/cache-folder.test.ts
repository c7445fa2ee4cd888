import { join } from "node:path";
import { expect, test } from "vitest";
import { defaultCacheFolder } from "../../src/config/cache-folder.ts";

test.each([
  ["linux", {}, join("/home/u", ".cache", "dolly-gateway")],
  ["linux", { XDG_CACHE_HOME: "/var/c" }, join("/var/c", "dolly-gateway")],
  ["linux", { XDG_CACHE_HOME: "" }, join("/home/u", ".cache", "dolly-gateway")],
  ["darwin", {}, join("/home/u", "Library", "Caches", "dolly-gateway")],
  ["win32", { LOCALAPPDATA: "/local" }, join("/local", "dolly-gateway", "cache")],
])("on %s with %o the cache is at %s", (platform, env, folder) => {
  expect(defaultCacheFolder(platform, env, "/home/u")).toBe(folder);
});

import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { ResponsesConfig } from "../../config/responses.ts";
import { MemoryResponseStore } from "./memory-store.ts";
import type { ResponseStore } from "./store.ts";

/** The store that a config asks for; a relative path starts from `folder`. Throws OperatorError where its file cannot be opened. */
export async function responseStore(
  { store, path, max_responses, max_megabytes, ttl }: ResponsesConfig,
  { folder, cacheDir }: { folder: string; cacheDir: string },
  now: () => number,
): Promise<ResponseStore> {
  const limits = { responses: store === "none" ? 0 : max_responses, characters: max_megabytes * 1e6 };
  if (store !== "sqlite") return new MemoryResponseStore(limits, ttl * 1000, now);
  const file = path === undefined ? join(cacheDir, "responses.sqlite") : resolve(folder, path);
  await mkdir(dirname(file), { recursive: true });
  const { SqliteResponseStore } = await import("./sqlite-store.ts");
  return new SqliteResponseStore(file, limits, ttl * 1000, now);
}

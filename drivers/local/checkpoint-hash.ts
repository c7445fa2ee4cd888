import type { LoadContext } from "../../src/core/driver.ts";
import type { HashOptions } from "./checkpoint/content-hash.ts";
import { type CheckpointHeader, openCheckpoint } from "./checkpoint/index.ts";

export type Reading = Pick<LoadContext, "name" | "cacheDir" | "onProgress">;

/** SHA-256 of a checkpoint's content, while it is told how far the reading is. */
export async function checkpointHash(
  header: CheckpointHeader,
  reading: Reading,
  signal: AbortSignal,
): Promise<string> {
  const checkpoint = await openCheckpoint(header);
  try {
    return await checkpoint.contentHash(hashOptions(reading, signal));
  } finally {
    await checkpoint.close();
  }
}

export function hashOptions({ name, cacheDir, onProgress }: Reading, signal: AbortSignal): HashOptions {
  const task = `reading ${name}`;
  return { cacheDir, signal, onProgress: (fraction: number) => onProgress({ task, fraction }) };
}

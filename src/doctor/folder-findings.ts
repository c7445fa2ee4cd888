import { accessSync, constants, existsSync, mkdirSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { Finding } from "../core/finding.ts";
import { gigabytes } from "../core/gigabytes.ts";
import { folderBytes } from "../model-cache/entries.ts";

/** Under this, a 3b can neither be pulled nor converted. */
const LITTLE_SPACE = 8e9;

/** A folder that the gateway writes to: whether it can, what it holds, and the room that is left. */
export async function folderFinding(what: string, folder: string): Promise<Finding> {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      what,
      state: "problem",
      detail: `${folder}: ${reason}`,
      mend: `make ${folder} writable, or set cache_dir (DOLLY_CACHE)`,
    };
  }
  const { bavail, bsize } = statfsSync(nearest(folder));
  const free = bavail * bsize;
  const detail = `${folder}: ${gigabytes(await folderBytes(folder))} there, ${gigabytes(free)} free`;
  return free < LITTLE_SPACE
    ? {
        what,
        state: "warning",
        detail: `${detail}; a 3b takes ${gigabytes(LITTLE_SPACE)} to pull and convert`,
        mend: "dolly cache prune",
      }
    : { what, state: "ok", detail };
}

const nearest = (folder: string): string => (existsSync(folder) ? folder : nearest(dirname(folder)));

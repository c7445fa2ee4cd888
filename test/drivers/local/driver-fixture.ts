import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver, LoadContext, Model, Progress } from "../../../src/core/driver.ts";
import type { Log } from "../../../src/core/log.ts";

const silent: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silent,
};

export interface Loaded {
  readonly model: Model;
  readonly progress: readonly Progress[];
}

/** Loads models with a local driver, into a cache of its own. */
export function driverFixture(driver: Pick<Driver, "bind">) {
  const cacheDir = mkdtempSync(join(tmpdir(), "dolly-cache-"));
  const loadContext = (changes: Partial<LoadContext> = {}): LoadContext => ({
    name: "tested",
    cacheDir,
    maxModelLen: undefined,
    log: silent,
    onProgress: () => {},
    ...changes,
  });
  return {
    loadContext,
    /** Removes what was converted. */
    removeCache: (): void => rmSync(cacheDir, { recursive: true, force: true }),
    async loadModel(
      options: Readonly<Record<string, unknown>>,
      changes: Partial<LoadContext> = {},
    ): Promise<Loaded> {
      const progress: Progress[] = [];
      const context = loadContext({ onProgress: (one) => progress.push(one), ...changes });
      // Tests run beside each other, and threads that compute wait for each other by spinning.
      const bound = driver.bind({ threads: 1, ...options });
      return { model: await bound.load(context, new AbortController().signal), progress };
    },
  };
}

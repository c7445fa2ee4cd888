import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { llamaCpp } from "../../../drivers/llama-cpp/index.ts";
import type { LoadContext, Model, Progress } from "../../../src/core/driver.ts";
import type { Log } from "../../../src/core/log.ts";

const cacheDir = mkdtempSync(join(tmpdir(), "dolly-cache-"));

/** Removes what was converted. */
export const removeCache = (): void => rmSync(cacheDir, { recursive: true, force: true });

const silent: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silent,
};

export function loadContext(changes: Partial<LoadContext> = {}): LoadContext {
  return { name: "tested", cacheDir, maxModelLen: undefined, log: silent, onProgress: () => {}, ...changes };
}

export interface Loaded {
  readonly model: Model;
  readonly progress: readonly Progress[];
}

export async function loadModel(
  options: Readonly<Record<string, unknown>>,
  changes: Partial<LoadContext> = {},
): Promise<Loaded> {
  const progress: Progress[] = [];
  const context = loadContext({ onProgress: (one) => progress.push(one), ...changes });
  // Tests run beside each other, and threads of llama.cpp wait for each other by spinning.
  const bound = llamaCpp.bind({ threads: 1, ...options });
  return { model: await bound.load(context, new AbortController().signal), progress };
}

import { gigabytes } from "../core/gigabytes.ts";
import { OperatorError } from "../errors.ts";
import { hubOf } from "../hub/hub.ts";
import {
  type CacheEntry,
  convertedEntries,
  damageOf,
  installedEntries,
  pulledEntries,
} from "../model-cache/entries.ts";
import { namedCacheFolder } from "./cache-folder.ts";
import type { Terminal } from "./terminal.ts";

export interface CacheFlags {
  readonly cacheDir?: string;
  readonly json?: boolean;
}

/** What is in the gateway's own cache and in the Hub's, the largest first. */
export async function cacheEntries({ cacheDir }: CacheFlags, terminal: Terminal): Promise<CacheEntry[]> {
  const folder = namedCacheFolder(cacheDir, terminal);
  const { env, home } = terminal;
  const found = [
    ...(await convertedEntries(folder)),
    ...(await installedEntries(folder)),
    ...(await pulledEntries(hubOf(env, home).cache)),
  ];
  return found.sort((one, other) => other.bytes - one.bytes);
}

export const day = (at: number): string => (at === 0 ? "never" : new Date(at).toISOString().slice(0, 10));

/** Lists the models that were converted or pulled and the libraries that were installed, the largest first. */
export async function listCache(flags: CacheFlags, terminal: Terminal): Promise<void> {
  const found = await cacheEntries(flags, terminal);
  if (flags.json) {
    terminal.print(`${JSON.stringify(found, null, 2)}\n`);
    return;
  }
  const lines = found.map(
    ({ kind, name, bytes, usedAt, folder }) =>
      `${gigabytes(bytes, 2).padStart(10)}  ${kind.padEnd(9)}  ${day(usedAt)}  ${name}\n${" ".repeat(36)}${folder}`,
  );
  const all = found.reduce((sum, { bytes }) => sum + bytes, 0);
  terminal.print(`${[...lines, `${gigabytes(all, 2).padStart(10)}  in all`].join("\n")}\n`);
}

/** Reads every byte and compares it with what it should be. Throws OperatorError where something is damaged. */
export async function verifyCache(flags: CacheFlags, terminal: Terminal): Promise<void> {
  const verified: (CacheEntry & { readonly damage: string | null })[] = [];
  for (const entry of await cacheEntries(flags, terminal)) {
    const damage = (await damageOf(entry)) ?? null;
    verified.push({ ...entry, damage });
    if (!flags.json) {
      terminal.print(damage === null ? `whole  ${entry.name}\n` : `DAMAGED  ${entry.name}: ${damage}\n`);
    }
  }
  if (flags.json) terminal.print(`${JSON.stringify(verified, null, 2)}\n`);
  const damaged = verified.filter(({ damage }) => damage !== null);
  if (damaged.length > 0) {
    const pulled = damaged.some(({ kind }) => kind === "pulled") ? " --pulled" : "";
    const installed = damaged.some(({ kind }) => kind === "installed") ? " (libraries by dolly install)" : "";
    throw new OperatorError(
      `${damaged.length} damaged; \`dolly cache prune${pulled}\` removes them, and they are made again when they are wanted${installed}`,
    );
  }
}

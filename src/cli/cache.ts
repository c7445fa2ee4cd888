import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { defaultCacheFolder } from "../config/cache-folder.ts";
import { OperatorError } from "../errors.ts";
import { hubOf } from "../hub/hub.ts";
import {
  type CacheEntry,
  convertedEntries,
  damageOf,
  pulledEntries,
  removeEntry,
} from "../model-cache/entries.ts";
import { mappedFiles } from "../model-cache/in-use.ts";
import type { Terminal } from "./terminal.ts";

export interface CacheFlags {
  readonly cacheDir?: string;
  readonly json?: boolean;
  readonly olderThan?: string;
  readonly pulled?: boolean;
  readonly dryRun?: boolean;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** A conversion of another process may be under way in an entry that is younger. */
const YOUNG_MS = 60 * 60 * 1000;

async function entries(
  { cacheDir }: CacheFlags,
  { platform, env, home, cwd }: Terminal,
): Promise<CacheEntry[]> {
  const named = cacheDir ?? (env["DOLLY_CACHE"] || undefined);
  const folder = named === undefined ? defaultCacheFolder(platform, env, home) : resolve(cwd, named);
  const found = [...(await convertedEntries(folder)), ...(await pulledEntries(hubOf(env, home).cache))];
  return found.sort((one, other) => other.bytes - one.bytes);
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
const day = (at: number): string => (at === 0 ? "never" : new Date(at).toISOString().slice(0, 10));

/** Lists the models that were converted or pulled, the largest first. */
export async function listCache(flags: CacheFlags, terminal: Terminal): Promise<void> {
  const found = await entries(flags, terminal);
  if (flags.json) {
    terminal.print(`${JSON.stringify(found, null, 2)}\n`);
    return;
  }
  const lines = found.map(
    ({ kind, name, bytes, usedAt, folder }) =>
      `${gigabytes(bytes).padStart(10)}  ${kind.padEnd(9)}  ${day(usedAt)}  ${name}\n${" ".repeat(36)}${folder}`,
  );
  const all = found.reduce((sum, { bytes }) => sum + bytes, 0);
  terminal.print(`${[...lines, `${gigabytes(all).padStart(10)}  in all`].join("\n")}\n`);
}

/** Reads every byte and compares it with what it should be. Throws OperatorError where something is damaged. */
export async function verifyCache(flags: CacheFlags, terminal: Terminal): Promise<void> {
  let damaged = 0;
  for (const entry of await entries(flags, terminal)) {
    const damage = await damageOf(entry);
    if (damage !== undefined) damaged += 1;
    terminal.print(
      `${damage === undefined ? "whole" : "DAMAGED"}  ${entry.name}${damage === undefined ? "" : `: ${damage}`}\n`,
    );
  }
  if (damaged > 0) {
    throw new OperatorError(
      `${damaged} damaged; \`dolly cache prune\` removes them, and they are made again when they are wanted`,
    );
  }
}

/**
 * Removes what is damaged or was not used for some days: converted models, which are made again, and with `--pulled` also those
 * of the Hub's cache, which other programs share. What a process has mapped stays.
 */
export async function pruneCache(flags: CacheFlags, terminal: Terminal): Promise<void> {
  const days = flags.olderThan === undefined ? Number.POSITIVE_INFINITY : Number(flags.olderThan);
  if (Number.isNaN(days) || days < 0) {
    throw new OperatorError(`--older-than: expected a number of days, found "${flags.olderThan}"`, {
      exitStatus: 2,
    });
  }
  const mapped = await mappedFiles();
  const now = Date.now();
  let freed = 0;
  for (const entry of await entries(flags, terminal)) {
    if (entry.kind === "pulled" && !flags.pulled) continue;
    const unused = now - entry.usedAt > days * DAY_MS;
    const young = now - entry.changedAt < YOUNG_MS;
    const reason = unused ? `not used since ${day(entry.usedAt)}` : young ? undefined : await damageOf(entry);
    if (reason === undefined) continue;
    if (await isMapped(entry.folder, mapped)) {
      terminal.print(`kept      ${entry.name}: ${reason}, but a process has it open\n`);
      continue;
    }
    if (!flags.dryRun) await removeEntry(entry);
    freed += entry.bytes;
    terminal.print(
      `${flags.dryRun ? "would go" : "removed "}  ${gigabytes(entry.bytes)}  ${entry.name}: ${reason}\n`,
    );
  }
  terminal.print(`${flags.dryRun ? "would free" : "freed"} ${gigabytes(freed)}\n`);
}

/** True too where the system does not say what is mapped and the entry is in use as far as one can tell. */
async function isMapped(folder: string, mapped: ReadonlySet<string> | undefined): Promise<boolean> {
  if (mapped === undefined) return false;
  const real = await realpath(folder).catch(() => folder);
  return [...mapped].some((path) => path.startsWith(`${real}/`));
}

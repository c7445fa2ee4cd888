import { gigabytes } from "../core/gigabytes.ts";
import { OperatorError } from "../errors.ts";
import { type CacheEntry, damageOf, removeEntry } from "../model-cache/entries.ts";
import { isMapped, type MappedFiles, mappedFiles } from "../model-cache/in-use.ts";
import { type CacheFlags, cacheEntries, day } from "./cache.ts";
import type { Terminal } from "./terminal.ts";

export interface PruneFlags extends CacheFlags {
  readonly olderThan?: string;
  readonly pulled?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** A conversion or a pull of another process may be under way in an entry that is younger. */
const YOUNG_MS = 60 * 60 * 1000;

interface Pruned extends CacheEntry {
  readonly outcome: "removed" | "would go" | "kept";
  /** Why it goes, and why it is kept nevertheless. */
  readonly reason: string;
}

/**
 * Removes what is damaged or was not used for some days: converted models, which are made again, and with `--pulled` also those
 * of the Hub's cache, which other programs share. What a process has mapped stays, and so does what was written within the
 * last hour. Throws OperatorError where it cannot be seen what is mapped, unless `--force` says that no gateway runs.
 */
export async function pruneCache(flags: PruneFlags, terminal: Terminal): Promise<void> {
  const days = flags.olderThan === undefined ? Number.POSITIVE_INFINITY : Number(flags.olderThan);
  if (flags.olderThan?.trim() === "" || Number.isNaN(days) || days < 0) {
    throw new OperatorError(`--older-than: expected a number of days, found "${flags.olderThan}"`, {
      exitStatus: 2,
    });
  }
  const mapped = await seen(flags);
  const pruned: Pruned[] = [];
  for (const entry of await cacheEntries(flags, terminal)) {
    if (entry.kind === "pulled" && !flags.pulled) continue;
    const reason = await reasonToGo(entry, days, Date.now());
    if (reason === undefined) continue;
    const kept = await reasonToStay(entry, mapped, Date.now());
    if (kept === undefined && !flags.dryRun) await removeEntry(entry);
    const outcome = kept !== undefined ? "kept" : flags.dryRun ? "would go" : "removed";
    pruned.push({ ...entry, outcome, reason: kept === undefined ? reason : `${reason}, but ${kept}` });
  }
  if (flags.json) terminal.print(`${JSON.stringify(pruned, null, 2)}\n`);
  else terminal.print(report(pruned, flags.dryRun === true));
}

/** What processes have mapped; where that cannot be seen, nothing with `--force`. */
async function seen({ force }: PruneFlags): Promise<MappedFiles> {
  const mapped = await mappedFiles();
  if (mapped !== undefined && (mapped.hidden.length === 0 || force)) return mapped;
  if (mapped === undefined && force) return { paths: new Set(), inodes: new Set(), hidden: [] };
  throw new OperatorError(
    mapped === undefined
      ? "this system does not say which models a running gateway has open: stop the gateways that use this cache, then give --force"
      : `engines of another user run here (process ${mapped.hidden.join(", ")}), and their files cannot be seen: prune as that user or as root, or stop them and give --force`,
  );
}

async function reasonToGo(entry: CacheEntry, days: number, now: number): Promise<string | undefined> {
  if (now - entry.usedAt > days * DAY_MS) return `not used since ${day(entry.usedAt)}`;
  return now - entry.changedAt < YOUNG_MS ? undefined : damageOf(entry);
}

async function reasonToStay(
  { folder, changedAt }: CacheEntry,
  mapped: MappedFiles,
  now: number,
): Promise<string | undefined> {
  if (now - changedAt < YOUNG_MS) return "it was written within the last hour";
  return (await isMapped(folder, mapped)) ? "a process has it open" : undefined;
}

function report(pruned: readonly Pruned[], dryRun: boolean): string {
  const lines = pruned.map(
    ({ outcome, name, bytes, reason }) =>
      `${outcome.padEnd(8)}  ${outcome === "kept" ? "" : `${gigabytes(bytes, 2)}  `}${name}: ${reason}\n`,
  );
  const freed = pruned.reduce((sum, { outcome, bytes }) => (outcome === "kept" ? sum : sum + bytes), 0);
  return `${lines.join("")}${dryRun ? "would free" : "freed"} ${gigabytes(freed, 2)}\n`;
}

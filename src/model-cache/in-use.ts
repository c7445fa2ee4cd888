import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

/** The files that processes of this machine have mapped, and what could not be seen of that. */
export interface MappedFiles {
  readonly paths: ReadonlySet<string>;
  /** A process in a container has a file under another path, but not under another inode. */
  readonly inodes: ReadonlySet<string>;
  /** Process ids of engines whose files this user may not look at. */
  readonly hidden: readonly number[];
}

/** The command line of an engine's process, from the sources or from a build. */
const ENGINE = /drivers[\\/]local[\\/]engine-process\.[jt]s/;

/** `7f23a0c00000-7f23a0fc0000 rw-p 00000000 fe:00 10223626    /var/cache/model.gguf` */
const MAPPING = /^\S+ \S+ \S+ \S+ (\d+)\s+(\/.*)$/gm;

/** What is mapped (Linux); undefined where the system does not say. `proc`: its folder of processes. */
export async function mappedFiles(proc = "/proc"): Promise<MappedFiles | undefined> {
  const processes = await readdir(proc).catch(() => undefined);
  if (processes === undefined) return undefined;
  const paths = new Set<string>();
  const inodes = new Set<string>();
  const hidden: number[] = [];
  for (const pid of processes) {
    if (!/^\d+$/.test(pid)) continue;
    const maps = await readFile(join(proc, pid, "maps"), "utf8").catch(() => undefined);
    if (maps === undefined) {
      // Unreadable, or ended meanwhile: then its command line is gone as well.
      const command = await readFile(join(proc, pid, "cmdline"), "utf8").catch(() => "");
      if (ENGINE.test(command)) hidden.push(Number(pid));
      continue;
    }
    for (const [, inode = "", path = ""] of maps.matchAll(MAPPING)) {
      paths.add(path.replace(/ \(deleted\)$/, ""));
      inodes.add(inode);
    }
  }
  return { paths, inodes, hidden };
}

/**
 * Whether a process has a file below a folder mapped. Inodes are compared without their device, which some file systems
 * report differently in both places: by chance a folder is kept that nobody has open, never the other way round.
 */
export async function isMapped(folder: string, { paths, inodes }: MappedFiles): Promise<boolean> {
  const real = await realpath(folder).catch(() => folder);
  if ([...paths].some((path) => path.startsWith(`${real}/`))) return true;
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const seen = await stat(join(entry.parentPath, entry.name), { bigint: true }).catch(() => undefined);
    if (seen !== undefined && inodes.has(String(seen.ino))) return true;
  }
  return false;
}

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Paths of the files that processes of this machine have mapped (Linux); undefined where the system does not say. */
export async function mappedFiles(proc = "/proc"): Promise<ReadonlySet<string> | undefined> {
  const processes = await readdir(proc).catch(() => undefined);
  if (processes === undefined) return undefined;
  const paths = new Set<string>();
  for (const pid of processes) {
    if (!/^\d+$/.test(pid)) continue;
    const maps = await readFile(join(proc, pid, "maps"), "utf8").catch(() => "");
    for (const line of maps.split("\n")) {
      const path = /\s(\/.*)$/.exec(line)?.[1];
      if (path !== undefined) paths.add(path.replace(/ \(deleted\)$/, ""));
    }
  }
  return paths;
}

import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = "/sys/fs/cgroup";
/** Microseconds of a period: short, so that a process that has used its share waits a little, not long. */
const PERIOD = 10_000;

/**
 * Lets a process have a share of one core and no more, by a cgroup of its own (Linux, as root, version 1 or 2). `share`: 0 to
 * 1. Returns what takes the cgroup away, once the process has ended.
 */
export function limitCpu(pid: number, share: number): () => void {
  const first = existsSync(join(ROOT, "cpu", "cpu.cfs_quota_us"));
  const folder = join(ROOT, first ? "cpu" : "", `dolly-bench-${pid}`);
  const quota = Math.round(PERIOD * share);
  mkdirSync(folder);
  if (first) {
    writeFileSync(join(folder, "cpu.cfs_period_us"), String(PERIOD));
    writeFileSync(join(folder, "cpu.cfs_quota_us"), String(quota));
  } else writeFileSync(join(folder, "cpu.max"), `${quota} ${PERIOD}`);
  writeFileSync(join(folder, "cgroup.procs"), String(pid));
  return () => rmdirSync(folder);
}

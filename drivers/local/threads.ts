import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/** Where Linux tells which logical processors are threads of one core. */
const LINUX_TOPOLOGY = "/sys/devices/system/cpu";

/**
 * Cores to compute on: two threads of one core share its arithmetic, and llama.cpp is slower with both. Where the
 * system does not tell (anything but Linux), every logical processor counts.
 */
export function computingCores(topology = LINUX_TOPOLOGY, available = availableParallelism()): number {
  const cores = new Set<string>();
  try {
    for (const name of readdirSync(topology)) {
      if (/^cpu\d+$/.test(name)) {
        cores.add(readFileSync(join(topology, name, "topology", "thread_siblings_list"), "utf8").trim());
      }
    }
  } catch {
    return available;
  }
  return Math.max(1, Math.min(available, cores.size === 0 ? available : cores.size));
}

/** Below this, threads cost more in waiting for each other than they save, and everything when the machine is busy. */
const ONE_THREAD_BYTES = 100e6;

/** Threads for a model whose weights have so many bytes. */
export function computingThreads(weightBytes: number, cores = computingCores()): number {
  return weightBytes < ONE_THREAD_BYTES ? 1 : cores;
}

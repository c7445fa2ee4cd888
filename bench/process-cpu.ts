import { readdirSync, readFileSync } from "node:fs";

/** Ticks a second in which Linux tells a process's time (USER_HZ), whatever the kernel counts in. */
const TICKS_PER_SECOND = 100;

/** What a process had used of the processor at one moment (Linux). */
export interface CpuReading {
  /** Of the whole process, threads that have ended included; seconds, a multiple of a tick. */
  readonly coarse: number;
  /** Of each living thread by its id; seconds. */
  readonly threads: ReadonlyMap<string, number>;
}

export function readCpu(pid: number): CpuReading {
  const folder = `/proc/${pid}`;
  return {
    coarse: secondsOfStat(readFileSync(`${folder}/stat`, "utf8")),
    threads: new Map(readdirSync(`${folder}/task`).map((id) => [id, threadSeconds(`${folder}/task/${id}`)])),
  };
}

/**
 * Processor time between two readings of one process, in seconds. To the microsecond by its threads, unless threads
 * that ended in between took some of it along: then to the tick.
 */
export function cpuBetween(before: CpuReading, after: CpuReading): number {
  let exact = 0;
  for (const [id, seconds] of after.threads) exact += seconds - (before.threads.get(id) ?? 0);
  const coarse = after.coarse - before.coarse;
  return coarse - exact > 2 / TICKS_PER_SECOND ? coarse : exact;
}

/** Zero for a thread that has ended since its folder was listed. */
function threadSeconds(folder: string): number {
  try {
    return Number(readFileSync(`${folder}/schedstat`, "utf8").split(" ")[0]) / 1e9;
  } catch {
    return 0;
  }
}

/** `stat`: a line as in proc(5). The second field is a name in brackets, which may hold anything. */
export function secondsOfStat(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (Number.isNaN(ticks)) throw new Error(`not a line of /proc/PID/stat: ${stat}`);
  return ticks / TICKS_PER_SECOND;
}

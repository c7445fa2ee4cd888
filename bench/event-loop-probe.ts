/**
 * Preloaded into a gateway by `overhead.ts` (`node --import`): on each message it answers with what happened since the
 * message before. It costs a timer of a millisecond's resolution.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";

export interface ProbeReading {
  /** Processor time of the process, in microseconds. */
  readonly cpuMicros: number;
  /** How late timers were, beyond the resolution, in milliseconds. */
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  /** Resident memory, in MiB. */
  readonly residentMiB: number;
}

const RESOLUTION_MS = 1;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
let cpu = process.cpuUsage();
delays.enable();

/** The histogram counts from one tick to the next, in nanoseconds. */
const lateness = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);

process.on("message", () => {
  const used = process.cpuUsage(cpu);
  const reading: ProbeReading = {
    cpuMicros: used.user + used.system,
    delayP99Ms: lateness(delays.percentile(99)),
    delayMaxMs: lateness(delays.max),
    residentMiB: process.memoryUsage.rss() / 2 ** 20,
  };
  process.send?.(reading);
  delays.reset();
  cpu = process.cpuUsage();
});
// Only the gateway decides how long the process lives.
process.channel?.unref();

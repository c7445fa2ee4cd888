import { pino } from "pino";
import type { Log } from "../core/log.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/**
 * JSON lines on standard error, so that standard output stays the user's. Written synchronously: the last lines before
 * an exit are not lost. Callers log ids, names, counts and times; never a prompt, an answer or a key.
 */
export function createLog(level: LogLevel): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

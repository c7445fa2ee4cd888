import { pino } from "pino";
import type { Log } from "../core/log.ts";
import { OperatorError } from "../errors.ts";

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
      serializers: { err: loggedError },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** An operator's own mistake is told in its message; a stack would only bury it. */
export function loggedError(error: unknown): object {
  if (error instanceof OperatorError) return { type: error.name, message: error.message };
  return error instanceof Error ? pino.stdSerializers.err(error) : { message: String(error) };
}

import { z } from "zod";
import type { RoomLimits } from "./protocol.ts";

/** Seconds that fit a Node timer. */
const LONGEST_TIMER = Math.floor((2 ** 31 - 1) / 1000);

/** Most tokens of one step beside one token for each slot; what a CPU and a GPU compute in one pass. */
export const STEP_TOKENS = 512;

/** Options that every local driver has, with their defaults. */
export const localOptions = {
  parallel: z.int().min(1).max(256).default(4).describe("Answers that are generated at the same time."),
  threads: z
    .int()
    .min(1)
    .max(512)
    .optional()
    .describe(
      "Threads that compute; by default one for each core, and a single one for models under 100 MB.",
    ),
  memory_check: z
    .boolean()
    .default(true)
    .describe(
      "Refuse to load a model that will take more memory than is free, of its GPUs (as nvidia-smi or rocm-smi say) or of main memory (Linux and Windows).",
    ),
  prefill_chunk: z
    .int()
    .min(1)
    .max(STEP_TOKENS)
    .optional()
    .describe(
      "Most prompt tokens of a step while answers are running; by default as many as keep their next token from coming later than twice the usual gap, or 150 ms.",
    ),
  share_prefix_cache: z
    .boolean()
    .default(false)
    .describe("Use what is computed of one API key's prompts for another's that begin alike."),
  max_queue: z
    .int()
    .min(0)
    .max(100_000)
    .default(64)
    .describe("Requests that may wait for a slot; more are refused as overload."),
  queue_timeout: z
    .number()
    .gt(0)
    .max(LONGEST_TIMER)
    .default(60)
    .describe("Seconds that a request waits for a slot before it is refused."),
  stall_timeout: z
    .number()
    .gt(0)
    .max(LONGEST_TIMER)
    .default(60)
    .describe("Seconds without progress after which an engine that has work is ended and started again."),
  load_timeout: z
    .number()
    .gt(0)
    .max(LONGEST_TIMER)
    .default(600)
    .describe("Seconds that the engine has to load the model."),
};

export type LocalOptions = z.output<z.ZodObject<typeof localOptions>>;

/** What they mean to the engine's room. */
export function roomOf(options: LocalOptions): {
  limits: RoomLimits;
  stallTimeoutMs: number;
  loadTimeoutMs: number;
} {
  return {
    limits: {
      prefillChunk: options.prefill_chunk ?? null,
      sharePrefixCache: options.share_prefix_cache,
      maxQueue: options.max_queue,
      queueTimeoutMs: options.queue_timeout * 1000,
    },
    stallTimeoutMs: options.stall_timeout * 1000,
    loadTimeoutMs: options.load_timeout * 1000,
  };
}

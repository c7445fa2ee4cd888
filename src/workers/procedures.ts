import { z } from "zod";
import { procedure } from "./line.ts";

const nothing = z.void();
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const names = z.array(z.string());
const differences = z.object({ added: names, removed: names, changed: names });
const trigger = z.enum(["file", "signal", "admin"]);

export const changes = z.object({ models: differences, keys: differences, restartRequired: names });

/** What was read of the config file, or why it could not be. */
export const readFile = z.union([z.object({ bytes }), z.object({ problem: z.string() })]);

/** What `/admin/config` says of the reloads so far: the same in every worker, also in one that came later. */
export const progress = z.object({
  generation: z.int(),
  appliedAt: z.int(),
  reloads: z.object({ applied: z.int(), unchanged: z.int(), refused: z.int() }),
  refusal: z.object({ at: z.int(), trigger, message: z.string() }).nullable(),
});

const limits = z.object({
  rpm: z.number().nullable(),
  tpm: z.number().nullable(),
  maxParallel: z.number().nullable(),
});
const gauge = z.object({ limit: z.number(), remaining: z.number(), resetMs: z.number() }).nullable();
const standing = z.object({ requests: gauge, tokens: gauge });

/** Snapshots of metrics, as prom-client's `getMetricsAsJSON` gives them. */
export const snapshot = z.array(z.looseObject({ name: z.string(), type: z.string() }));

/** Asked by workers. */
export const asksPrimary = {
  /** What it serves. `port`: null where the config's is taken. */
  begin: procedure(
    "begin",
    nothing,
    z.object({
      started: bytes,
      current: bytes,
      /** Which of them it is, from 1 on. */
      worker: z.int(),
      port: z.int().nullable(),
      progress: progress.nullable(),
    }),
  ),
  listening: procedure("listening", z.object({ address: z.string(), banner: z.string() }), nothing),
  ready: procedure("ready", nothing, nothing),
  /** It cannot start, for a reason that the operator can mend. */
  failed: procedure(
    "failed",
    z.object({ message: z.string(), exitStatus: z.union([z.literal(1), z.literal(2)]) }),
    nothing,
  ),
  reserve: procedure(
    "reserve",
    z.object({ name: z.string(), limits, tokens: z.number() }),
    z.discriminatedUnion("admitted", [
      z.object({ admitted: z.literal(true), standing, id: z.int() }),
      z.object({
        admitted: z.literal(false),
        standing,
        exceeded: z.enum(["requests", "tokens", "parallel"]),
        used: z.number(),
        wanted: z.number(),
        retryMs: z.number(),
      }),
    ]),
  ),
  settle: procedure("settle", z.object({ id: z.int(), tokens: z.number() }), nothing),
  /** Everything that all measure, in Prometheus' text format. */
  metrics: procedure("metrics", nothing, z.string()),
  /** An administrative act in every worker. */
  everywhere: procedure(
    "everywhere",
    z.object({ method: z.string(), path: z.string(), params: z.record(z.string(), z.string()) }),
    z.array(z.object({ worker: z.int(), body: z.looseObject({}) })),
  ),
  reload: procedure("reload", z.object({ trigger }), changes),
};

/** Asked of workers. */
export const asksWorker = {
  /** Prepares a configuration as far as it can be without serving it; null where it may be served. */
  prepare: procedure(
    "prepare",
    z.object({ file: readFile, trigger }),
    z.object({ refusal: z.string().nullable() }),
  ),
  /** Serves what was prepared, or, with why, lets it go. */
  decide: procedure(
    "decide",
    z.object({ refusal: z.string().nullable() }),
    z.object({ changes: changes.nullable(), progress }),
  ),
  snapshot: procedure("snapshot", nothing, snapshot),
  act: procedure(
    "act",
    z.object({ method: z.string(), path: z.string(), params: z.record(z.string(), z.string()) }),
    z.looseObject({}),
  ),
  stop: procedure("stop", nothing, nothing),
};

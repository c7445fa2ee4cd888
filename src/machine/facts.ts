import { readFileSync } from "node:fs";
import { availableParallelism, freemem, totalmem } from "node:os";
import { z } from "zod";
import type { MachineFacts } from "../core/machine.ts";
import { OperatorError } from "../errors.ts";
import { type Ask, askProgram, listGpus } from "./gpu-list.ts";

export interface FactSources {
  readonly ask?: Ask;
  /** What a process may still take within its container; null where nobody says. */
  readonly available: () => number | null;
  /** Builds of engines for GPUs that are installed. */
  readonly providers: () => readonly string[];
}

/** What this machine has. */
export function machineFacts({ ask = askProgram, available, providers }: FactSources): MachineFacts {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return {
    platform: process.platform,
    arch: process.arch,
    cores: availableParallelism(),
    memory: constrained > 0 ? Math.min(constrained, total) : total,
    availableMemory: available() ?? freemem(),
    gpus: listGpus(ask),
    providers: providers(),
  };
}

const bytes = z.number().min(0);

const described = z.strictObject({
  platform: z.string().default("linux"),
  arch: z.string().default("x64"),
  cores: z.int().min(1),
  memory: bytes,
  availableMemory: bytes.optional(),
  gpus: z
    .array(
      z.strictObject({
        vendor: z.enum(["nvidia", "amd"]).default("nvidia"),
        name: z.string().min(1),
        memory: bytes,
        freeMemory: bytes.optional(),
        computeCapability: z.number().nullable().default(null),
      }),
    )
    .default([]),
  providers: z.array(z.string()).default([]),
});

/** A machine that a JSON file describes, in the form of `dolly plan --json`'s `machine`. Throws OperatorError. */
export function describedMachine(file: string): MachineFacts {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError(`${file}: ${reason}`, { exitStatus: 2, cause: error });
  }
  const parsed = described.safeParse(value);
  if (!parsed.success) {
    throw new OperatorError(`${file}: ${z.prettifyError(parsed.error)}`, { exitStatus: 2 });
  }
  const { availableMemory = parsed.data.memory, gpus, ...rest } = parsed.data;
  return {
    ...rest,
    availableMemory,
    gpus: gpus.map(({ freeMemory, ...gpu }) => ({ ...gpu, freeMemory: freeMemory ?? gpu.memory })),
  };
}

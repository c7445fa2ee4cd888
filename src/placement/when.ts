import { gigabytes } from "../core/gigabytes.ts";
import type { GpuFacts, MachineFacts } from "../core/machine.ts";

/** What a machine must have for a placement to be used; every condition that is set must hold. */
export interface Condition {
  /** The GPUs that count are those whose name matches: letters of any case, `*` for anything. */
  readonly gpu: string | undefined;
  readonly vendor: GpuFacts["vendor"] | undefined;
  /** How many of them there must be at least; 0: none at all may be there. */
  readonly gpuCount: number | undefined;
  /** Bytes that they must have together, and free together, at least. */
  readonly gpuMemory: number | undefined;
  readonly gpuFreeMemory: number | undefined;
  /** That each of them must have at least. */
  readonly computeCapability: number | undefined;
  /** Bytes of main memory, at least; all and available. */
  readonly memory: number | undefined;
  readonly availableMemory: number | undefined;
  readonly cores: number | undefined;
  /** A build of an engine that must be installed. */
  readonly provider: string | undefined;
}

/** Why a condition does not hold on a machine, in words; undefined where it does. */
export function whyNot(condition: Condition, machine: MachineFacts): string | undefined {
  const gpus = machine.gpus.filter((gpu) => counts(gpu, condition));
  const { gpuCount, gpuMemory, gpuFreeMemory, memory, availableMemory, cores, provider } = condition;
  const sum = (of: (gpu: GpuFacts) => number): number => gpus.reduce((total, gpu) => total + of(gpu), 0);
  const what = describe(condition);
  const asksForGpu = what !== "GPU" || gpuMemory !== undefined || gpuFreeMemory !== undefined;
  const least = gpuCount ?? (asksForGpu ? 1 : 0);
  if (gpuCount === 0 && gpus.length > 0) return `there is a ${gpus[0]?.name}`;
  if (gpus.length < least) {
    return least === 1 ? `there is no ${what}` : `there are ${gpus.length} of ${least} ${what}s`;
  }
  return (
    below(
      "GPU memory",
      sum((gpu) => gpu.memory),
      gpuMemory,
    ) ??
    below(
      "free GPU memory",
      sum((gpu) => gpu.freeMemory),
      gpuFreeMemory,
    ) ??
    below("main memory", machine.memory, memory) ??
    below("available main memory", machine.availableMemory, availableMemory) ??
    (cores !== undefined && machine.cores < cores
      ? `${machine.cores} cores, ${cores} are wanted`
      : undefined) ??
    (provider !== undefined && !machine.providers.includes(provider)
      ? `the ${provider} build of the engine is not installed`
      : undefined)
  );
}

function counts(gpu: GpuFacts, { gpu: pattern, vendor, computeCapability }: Condition): boolean {
  if (vendor !== undefined && gpu.vendor !== vendor) return false;
  if (computeCapability !== undefined && (gpu.computeCapability ?? 0) < computeCapability) return false;
  return pattern === undefined || glob(pattern).test(gpu.name);
}

/** A part of the name is enough: makers put their own before it. */
const glob = (pattern: string): RegExp =>
  new RegExp(`(?<![A-Za-z0-9])${pattern.split("*").map(escaped).join(".*")}(?![A-Za-z0-9])`, "i");

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

function describe({ gpu, vendor, computeCapability }: Condition): string {
  const named = [vendor, gpu === undefined ? "GPU" : `GPU ${gpu}`]
    .filter((part) => part !== undefined)
    .join(" ");
  return computeCapability === undefined ? named : `${named} of compute capability ${computeCapability}`;
}

const below = (what: string, has: number, wanted: number | undefined): string | undefined =>
  wanted !== undefined && has < wanted
    ? `${gigabytes(has)} of ${what}, ${gigabytes(wanted)} are wanted`
    : undefined;

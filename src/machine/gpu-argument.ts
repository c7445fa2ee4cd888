import type { GpuFacts } from "../core/machine.ts";
import { OperatorError } from "../errors.ts";

/** Compute capability (NVIDIA, "CUDA GPUs") of those that people plan for. */
const CAPABILITIES: readonly (readonly [name: RegExp, capability: number])[] = [
  [/\bH[12]00\b/i, 9],
  [/\b(?:L4|L40S?|RTX 40\d\d)\b/i, 8.9],
  [/\b(?:A10G?|RTX 30\d\d)\b/i, 8.6],
  [/\bA100\b/i, 8],
  [/\bT4\b/i, 7.5],
  [/\bV100\b/i, 7],
];

/** A GPU as people write it: `A10 24GB`. Throws OperatorError. */
export function gpuFrom(text: string): GpuFacts {
  const [, name = "", gigabytes] = /^(.*\S)\s+(\d+(?:\.\d+)?)\s*(?:GB?|GiB)$/i.exec(text.trim()) ?? [];
  if (gigabytes === undefined) {
    throw new OperatorError(`--gpu: expected a name and its memory, such as "A10 24GB", found "${text}"`, {
      exitStatus: 2,
    });
  }
  const memory = Number(gigabytes) * 1e9;
  const computeCapability = CAPABILITIES.find(([pattern]) => pattern.test(name))?.[1] ?? null;
  return {
    vendor: computeCapability === null ? "unknown" : "nvidia",
    name: `${name} ${gigabytes}GB`,
    memory,
    freeMemory: memory,
    computeCapability,
  };
}

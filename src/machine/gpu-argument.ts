import type { GpuFacts } from "../core/machine.ts";
import { OperatorError } from "../errors.ts";

/** Compute capability (NVIDIA, "CUDA GPUs") of those that people plan for. The first name that fits counts. */
const CAPABILITIES: readonly (readonly [name: RegExp, capability: number])[] = [
  [/\bG?B200\b/i, 10],
  [/\b(?:RTX 50\d\d|RTX PRO \d000)\b/i, 12],
  [/\b(?:G?H[12]00|H20)\b/i, 9],
  [/\b(?:L4|L40S?|RTX 40\d\d|RTX \d000 Ada)\b/i, 8.9],
  [/\b(?:A10G?|A16|A40|A2|RTX 30\d\d|RTX A\d000)\b/i, 8.6],
  [/\b(?:A100|A30)\b/i, 8],
  [/\b(?:T4|RTX 20\d\d)\b/i, 7.5],
  [/\bV100\b/i, 7],
  [/\b(?:P40|GTX 10\d\d)\b/i, 6.1],
  [/\bP100\b/i, 6],
];

const AMD = /\b(?:MI\d{2,3}X?|Instinct|Radeon|RX \d{4})\b/i;

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
  if (computeCapability === null && !AMD.test(name)) {
    throw new OperatorError(
      `--gpu: "${name}" is not known here; describe the machine in a file, and name it with --machine`,
      { exitStatus: 2 },
    );
  }
  return {
    vendor: computeCapability === null ? "amd" : "nvidia",
    name: `${name} ${gigabytes}GB`,
    memory,
    freeMemory: memory,
    computeCapability,
  };
}

import type { MachineFacts } from "../../src/core/machine.ts";

/** A machine of 8 cores and 32 GB without a GPU, but for what is said. */
export const machineWith = (more: Partial<MachineFacts> = {}): MachineFacts => ({
  platform: "linux",
  arch: "x64",
  cores: 8,
  memory: 32e9,
  availableMemory: 20e9,
  gpus: [],
  providers: [],
  ...more,
});

export const a10 = {
  vendor: "nvidia",
  name: "NVIDIA A10",
  memory: 24e9,
  freeMemory: 23e9,
  computeCapability: 8.6,
} as const;

import { expect, test } from "vitest";
import { when } from "../../src/config/when.ts";
import type { GpuFacts, MachineFacts } from "../../src/core/machine.ts";
import { whyNot } from "../../src/placement/when.ts";

const gpu = (
  name: string,
  gigabytes: number,
  computeCapability: number | null,
  free = gigabytes,
): GpuFacts => ({
  vendor: computeCapability === null ? "amd" : "nvidia",
  name,
  memory: gigabytes * 1e9,
  freeMemory: free * 1e9,
  computeCapability,
});
const machine = (gpus: GpuFacts[], more: Partial<MachineFacts> = {}): MachineFacts => ({
  platform: "linux",
  arch: "x64",
  cores: 8,
  memory: 32e9,
  availableMemory: 20e9,
  gpus,
  providers: ["cuda"],
  ...more,
});
const a10 = gpu("NVIDIA A10", 24, 8.6, 20);
const a100 = gpu("NVIDIA A100-SXM4-80GB", 85, 8);
const v100 = gpu("Tesla V100-SXM2-16GB", 16, 7);
const mi300 = gpu("AMD Instinct MI300X", 192, null);

test.each([
  [{ gpu: "A10" }, [a10], undefined],
  [{ gpu: "a10" }, [a10], undefined],
  [{ gpu: "A10" }, [a100], "there is no GPU A10"],
  [{ gpu: "A10*" }, [a100], undefined],
  [{ gpu: "A100*80GB" }, [a100], undefined],
  [{ gpu: "A100*40GB" }, [a100], "there is no GPU A100*40GB"],
  [{ gpu: "V100" }, [v100], undefined],
  [{ gpu_vendor: "amd" }, [a10, mi300], undefined],
  [{ gpu_vendor: "amd" }, [a10], "there is no amd GPU"],
  [{ gpu_count: 2 }, [a10], "there are 1 of 2 GPUs"],
  [{ gpu_count: 2 }, [a10, a10], undefined],
  [{ gpu_count: 0 }, [], undefined],
  [{ gpu_count: 0 }, [a10], "there is a NVIDIA A10"],
  [{ gpu_memory: "40GB" }, [a10], "24.0 GB of GPU memory, 40.0 GB are wanted"],
  [{ gpu_memory: "40GB" }, [a10, a10], undefined],
  [{ gpu_memory: "40GB", gpu: "A10" }, [a10, a100], "24.0 GB of GPU memory, 40.0 GB are wanted"],
  [{ gpu_free_memory: "22GB" }, [a10], "20.0 GB of free GPU memory, 22.0 GB are wanted"],
  [{ compute_capability: 8 }, [v100], "there is no GPU of compute capability 8"],
  [{ compute_capability: 8 }, [v100, a10], undefined],
  [{ memory: "64GB" }, [], "32.0 GB of main memory, 64.0 GB are wanted"],
  [{ memory: "32GB" }, [], undefined],
  [{ available_memory: "25GB" }, [], "20.0 GB of available main memory, 25.0 GB are wanted"],
  [{ cores: 16 }, [], "8 cores, 16 are wanted"],
  [{ provider: "vulkan" }, [a10], "the vulkan build of the engine is not installed"],
  [{}, [], undefined],
] as const)("%j", (conditions, gpus, reason) => {
  const condition = when.parse(conditions);
  if (condition === undefined) throw new Error("there is a condition");
  expect(whyNot(condition, machine([...gpus]))).toBe(reason);
});

test.each([
  { gpu_memory: 24 },
  { gpu_memory: "24" },
  { gpu_memory: "24 gigs" },
  { gpus: 1 },
  { gpu_count: -1 },
])("%j is no condition", (conditions) => {
  expect(when.safeParse(conditions).success).toBe(false);
});

import { z } from "zod";
import type { Condition } from "../placement/when.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

const size = z
  .string()
  .regex(/^\d+(\.\d+)?\s*[KMGT]?B$/, "a size is a number and a unit, such as 24GB")
  .transform((text) => {
    const [, number, unit = ""] = /^([\d.]+)\s*([KMGT]?)B$/.exec(text) ?? [];
    return Number(number) * (UNITS[unit] ?? 1);
  });

/** `when` of a placement. */
export const when = z
  .strictObject({
    gpu: z.string().min(1).optional().describe('Name of a GPU, such as "A10"; `*` stands for anything.'),
    gpu_vendor: z.enum(["nvidia", "amd"]).optional().describe("Maker of the GPUs that count."),
    gpu_count: z
      .int()
      .min(0)
      .optional()
      .describe("Least number of such GPUs; 1 where another condition is about GPUs. 0: there is none."),
    gpu_memory: size.optional().describe("Least memory of such GPUs together, such as 24GB."),
    gpu_free_memory: size.optional().describe("Least free memory of such GPUs together."),
    compute_capability: z
      .number()
      .min(1)
      .max(99)
      .optional()
      .describe("Least compute capability of the GPUs that count: 8 and more compute in bfloat16."),
    memory: size.optional().describe("Least main memory, within the container's limit."),
    available_memory: size.optional().describe("Least main memory that is available at the start."),
    cores: z.int().min(1).optional().describe("Least number of processor cores."),
    provider: z
      .enum(["cuda", "vulkan", "metal", "onnx-cuda"])
      .optional()
      .describe("Build for GPUs that is installed: of llama.cpp, or onnx-cuda of ONNX Runtime."),
  })
  .transform(
    (said): Condition => ({
      gpu: said.gpu,
      vendor: said.gpu_vendor,
      gpuCount: said.gpu_count,
      gpuMemory: said.gpu_memory,
      gpuFreeMemory: said.gpu_free_memory,
      computeCapability: said.compute_capability,
      memory: said.memory,
      availableMemory: said.available_memory,
      cores: said.cores,
      provider: said.provider,
    }),
  )
  .optional()
  .describe("What the machine must have, found out at the start; otherwise the placement is left out.");

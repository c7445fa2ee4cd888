import { z } from "zod";
import { localOptions } from "../local/options.ts";

/** The driver's part of the configuration; every default of the driver stands here. */
export const llamaCppOptions = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .describe("Folder of a Hugging Face checkpoint, converted once into the cache; or a .gguf file."),
    type: z
      .enum(["f32", "f16", "bf16", "q8_0", "q4_0"])
      .optional()
      .describe(
        "Precision of the weights; by default f16, or f32 for a float32 checkpoint. A .gguf file has its own.",
      ),
    ...localOptions,
    gpu: z
      .enum(["auto", "cuda", "vulkan", "metal", "none"])
      .default("auto")
      .describe("Which build of llama.cpp computes; `auto` takes an installed GPU build, else the CPU."),
    cuda_libraries: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Folder with CUDA 13's libraries (or a Python environment's site-packages with NVIDIA's wheels), before what `dolly install cuda` brought and what the system has.",
      ),
    gpu_layers: z
      .int()
      .min(0)
      .optional()
      .describe(
        "Layers of the model on the GPU, from the last one on; the output counts as a layer too. By default all of them.",
      ),
    main_gpu: z
      .int()
      .min(0)
      .optional()
      .describe("Number of the one GPU that takes the whole model; by default all GPUs share it."),
    tensor_split: z
      .array(z.number().min(0))
      .min(1)
      .optional()
      .describe("Shares of the model that the GPUs take, in their order; by default by their free memory."),
    devices: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe("Names of the GPUs to use, such as CUDA0; by default all."),
    kv_type: z
      .enum(["f16", "f32", "bf16"])
      .default("f16")
      .describe("Precision of the keys and values that are kept."),
    flash_attention: z
      .enum(["auto", "on", "off"])
      .default("auto")
      .describe(
        "Compute attention in one fused operation; `auto`: where the GPU can, and on a CPU where the size of the model's heads suits it (7b and 12b, not 3b).",
      ),
    mmap: z
      .boolean()
      .default(true)
      .describe("Map the file into memory, which processes share, rather than reading it."),
  })
  .refine(({ main_gpu, tensor_split }) => main_gpu === undefined || tensor_split === undefined, {
    message: "main_gpu puts the whole model on one GPU, tensor_split on several: set one of them",
    path: ["tensor_split"],
  })
  .refine(({ tensor_split }) => tensor_split?.some((share) => share > 0) ?? true, {
    message: "at least one share must be above 0",
    path: ["tensor_split"],
  })
  .refine(({ gpu, cuda_libraries }) => cuda_libraries === undefined || gpu === "auto" || gpu === "cuda", {
    message: "is of the CUDA build: remove cuda_libraries, or set gpu to cuda or auto",
    path: ["cuda_libraries"],
  })
  .refine(({ gpu, gpu_layers }) => gpu !== "none" || !gpu_layers, {
    message: "gpu: none keeps every layer on the CPU: remove gpu_layers",
    path: ["gpu_layers"],
  });

export type LlamaCppOptions = z.output<typeof llamaCppOptions>;

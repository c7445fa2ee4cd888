import { z } from "zod";
import { localOptions } from "../local/options.ts";
import { BLOCKS, DEFAULT_BLOCK, ONNX_TYPES, PROVIDERS, typeFault } from "./graph/precision.ts";

/** The driver's part of the configuration; every default of the driver stands here. */
export const onnxOptions = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .describe(
        "Folder of a Hugging Face checkpoint, converted once into the cache; a folder that `dolly convert --to onnx` made; or a decoder that Hugging Face Optimum exported: its folder, or one of its .onnx files.",
      ),
    type: z
      .enum(ONNX_TYPES)
      .optional()
      .describe(
        "Precision of the weights; by default f16, or f32 for a float32 checkpoint on a CPU. f16 and bf16 are computed in float32 on a CPU; CUDA has no f32 and no int8. A converted folder has its own.",
      ),
    block: z
      .literal(BLOCKS)
      .optional()
      .describe(`Values that share a scale, of q8 and int4; by default ${DEFAULT_BLOCK}.`),
    prepack: z
      .boolean()
      .default(true)
      .describe(
        "On a CPU, keep a copy of a large model's weights in the cache, arranged as this processor computes with them: it is mapped into memory at once, where weights are arranged anew at each load otherwise. Takes twice to four times the model's size on disk. Exports are left as they are.",
      ),
    provider: z
      .enum(PROVIDERS)
      .default("cpu")
      .describe(
        "What of ONNX Runtime computes: cpu, or cuda for an NVIDIA GPU, whose libraries `dolly install cuda` fetches. A checkpoint is converted for it, to numbers of 16 bits or less.",
      ),
    device_id: z.int().min(0).optional().describe("Of provider: cuda: number of the GPU; by default 0."),
    gpu_mem_limit: z
      .int()
      .min(1)
      .optional()
      .describe(
        "Of provider: cuda: most bytes of the GPU's memory that weights and intermediate values may take; keys and values of the slots come on top. By default what is free.",
      ),
    cuda_graphs: z
      .boolean()
      .optional()
      .describe(
        "Of provider: cuda: record what the GPU does for one token of the same answers, and replay it: less work for the processor, more memory of the GPU. By default off.",
      ),
    cuda_libraries: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Of provider: cuda: folder of ONNX Runtime's library with CUDA and of the libraries that it needs; by default what `dolly install cuda` fetched.",
      ),
    ...localOptions,
  })
  .refine(({ type, block }) => block === undefined || type === "q8" || type === "int4", {
    message: "only type: q8 and type: int4 have blocks: remove block, or set type",
    path: ["block"],
  })
  .superRefine((options, context) => {
    const { type, provider } = options;
    const fault = type === undefined ? undefined : typeFault(type, provider);
    if (fault !== undefined) context.addIssue({ code: "custom", path: ["type"], message: fault });
    if (provider === "cuda") return;
    for (const name of ["device_id", "gpu_mem_limit", "cuda_graphs", "cuda_libraries"] as const) {
      if (options[name] === undefined) continue;
      const message = `is of provider: cuda; remove ${name}, or set provider`;
      context.addIssue({ code: "custom", path: [name], message });
    }
  });

export type OnnxOptions = z.output<typeof onnxOptions>;

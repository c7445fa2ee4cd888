import { z } from "zod";

/** Seconds that fit a Node timer. */
const LONGEST_TIMER = Math.floor((2 ** 31 - 1) / 1000);

/** Most tokens of one step beside one token for each slot; what a CPU and a GPU compute in one pass. */
export const STEP_TOKENS = 512;

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
    parallel: z.int().min(1).max(256).default(4).describe("Answers that are generated at the same time."),
    threads: z
      .int()
      .min(1)
      .max(512)
      .optional()
      .describe(
        "Threads that compute; by default one for each core, and a single one for models under 100 MB.",
      ),
    gpu: z
      .enum(["auto", "cuda", "vulkan", "metal", "none"])
      .default("auto")
      .describe("Which build of llama.cpp computes; `auto` takes an installed GPU build, else the CPU."),
    gpu_layers: z.int().min(0).optional().describe("Layers of the model on the GPU; by default all of them."),
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
    memory_check: z
      .boolean()
      .default(true)
      .describe(
        "Refuse to load a model that will take more main memory than is available (Linux and Windows).",
      ),
    prefill_chunk: z
      .int()
      .min(1)
      .max(STEP_TOKENS)
      .optional()
      .describe(
        "Most prompt tokens of a step while answers are running; by default as many as keep their next token from coming later than twice the usual gap, or 150 ms.",
      ),
    share_prefix_cache: z
      .boolean()
      .default(false)
      .describe("Use what is computed of one API key's prompts for another's that begin alike."),
    max_queue: z
      .int()
      .min(0)
      .max(100_000)
      .default(64)
      .describe("Requests that may wait for a slot; more are refused as overload."),
    queue_timeout: z
      .number()
      .gt(0)
      .max(LONGEST_TIMER)
      .default(60)
      .describe("Seconds that a request waits for a slot before it is refused."),
    stall_timeout: z
      .number()
      .gt(0)
      .max(LONGEST_TIMER)
      .default(60)
      .describe("Seconds without progress after which an engine that has work is ended and started again."),
    load_timeout: z
      .number()
      .gt(0)
      .max(LONGEST_TIMER)
      .default(600)
      .describe("Seconds that the engine has to load the model."),
  })
  .refine(({ main_gpu, tensor_split }) => main_gpu === undefined || tensor_split === undefined, {
    message: "main_gpu puts the whole model on one GPU, tensor_split on several: set one of them",
    path: ["tensor_split"],
  })
  .refine(({ tensor_split }) => tensor_split?.some((share) => share > 0) ?? true, {
    message: "at least one share must be above 0",
    path: ["tensor_split"],
  })
  .refine(({ gpu, gpu_layers }) => gpu !== "none" || !gpu_layers, {
    message: "gpu: none keeps every layer on the CPU: remove gpu_layers",
    path: ["gpu_layers"],
  });

export type LlamaCppOptions = z.output<typeof llamaCppOptions>;

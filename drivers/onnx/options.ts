import { z } from "zod";
import { localOptions } from "../local/options.ts";
import { BLOCKS, DEFAULT_BLOCK, ONNX_TYPES } from "./graph/precision.ts";

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
        "Precision of the weights; by default f16, or f32 for a float32 checkpoint. f16 and bf16 are computed in float32 on a CPU. A converted folder has its own.",
      ),
    block: z
      .union(BLOCKS.map((size) => z.literal(size)))
      .optional()
      .describe(`Values that share a scale, of q8 and int4; by default ${DEFAULT_BLOCK}.`),
    prepack: z
      .boolean()
      .default(true)
      .describe(
        "Keep a copy of a large model's weights in the cache, arranged as this processor computes with them: it is mapped into memory at once, where weights are arranged anew at each load otherwise. Takes twice to four times the model's size on disk. Exports are left as they are.",
      ),
    ...localOptions,
  })
  .refine(({ type, block }) => block === undefined || type === "q8" || type === "int4", {
    message: "only type: q8 and type: int4 have blocks: remove block, or set type",
    path: ["block"],
  });

export type OnnxOptions = z.output<typeof onnxOptions>;

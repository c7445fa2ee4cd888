import type { MatrixType } from "./weights.ts";

/** What a model can be converted to, as the configuration names it. */
export const ONNX_TYPES = ["f32", "f16", "bf16", "int8", "q8", "int4"] as const;
export type OnnxType = (typeof ONNX_TYPES)[number];

/** Sizes of the groups that share a scale, for q8 and int4. */
export const BLOCKS = [32, 64, 128] as const;
export type Block = (typeof BLOCKS)[number];
/** The fastest, and no less exact than GGUF's q4_0 (docs/decisions/0009-the-onnx-driver.md). */
export const DEFAULT_BLOCK: Block = 128;

/** How each part of a model is kept. Vectors stay float32. */
export interface Precision {
  readonly embedding: "f32" | "f16" | "bf16";
  /** The matrices of the blocks. */
  readonly blocks: MatrixType;
  /** The output matrix, which decides between close tokens. */
  readonly head: MatrixType;
}

export function precisionOf(type: OnnxType, block: Block): Precision {
  switch (type) {
    case "f32":
    case "f16":
    case "bf16": {
      const dense = { kind: "dense", element: type } as const;
      return { embedding: type, blocks: dense, head: dense };
    }
    case "int8":
      return { embedding: "f16", blocks: { kind: "int8" }, head: { kind: "int8" } };
    case "q8": {
      const blocks = { kind: "blocks", bits: 8, block } as const;
      return { embedding: "f16", blocks, head: blocks };
    }
    case "int4":
      return {
        embedding: "f16",
        blocks: { kind: "blocks", bits: 4, block },
        head: { kind: "blocks", bits: 8, block },
      };
  }
}

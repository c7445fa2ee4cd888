import type { FloatElement } from "./proto.ts";
import type { MatrixType } from "./weights.ts";

/** What a model can be converted to, as the configuration names it. */
export const ONNX_TYPES = ["f32", "f16", "bf16", "int8", "q8", "int4"] as const;
export type OnnxType = (typeof ONNX_TYPES)[number];

/** What of ONNX Runtime computes a graph; each is given graphs of its own. */
export const PROVIDERS = ["cpu", "cuda"] as const;
export type Provider = (typeof PROVIDERS)[number];

/** CUDA's attention is there for 16 bits only, and its matrix products for all but int8. */
const CUDA_TYPES: readonly OnnxType[] = ["f16", "bf16", "q8", "int4"];

/** Why a type cannot be computed by a provider; undefined where it can. */
export const typeFault = (type: OnnxType, provider: Provider): string | undefined =>
  provider === "cpu" || CUDA_TYPES.includes(type)
    ? undefined
    : `${type} cannot be computed by CUDA; there are ${CUDA_TYPES.join(", ")}`;

/** Sizes of the groups that share a scale, for q8 and int4. */
export const BLOCKS = [32, 64, 128] as const;
export type Block = (typeof BLOCKS)[number];
/** The fastest, and no less exact than GGUF's q4_0 (docs/decisions/0009-the-onnx-driver.md). */
export const DEFAULT_BLOCK: Block = 128;

/** How each part of a model is kept, and what is computed in. */
export interface Precision {
  /** Of activations, keys and values, vectors and tables, and of the scales of blocks. */
  readonly compute: FloatElement;
  readonly embedding: FloatElement;
  /** The matrices of the blocks. */
  readonly blocks: MatrixType;
  /** The output matrix, which decides between close tokens. */
  readonly head: MatrixType;
}

/** Throws RangeError for a type that the provider does not compute. */
export function precisionOf(type: OnnxType, block: Block, provider: Provider = "cpu"): Precision {
  const fault = typeFault(type, provider);
  if (fault !== undefined) throw new RangeError(fault);
  const compute = provider === "cpu" ? "f32" : type === "bf16" ? "bf16" : "f16";
  switch (type) {
    case "f32":
    case "f16":
    case "bf16": {
      const dense = { kind: "dense", element: type } as const;
      return { compute, embedding: type, blocks: dense, head: dense };
    }
    case "int8":
      return { compute, embedding: "f16", blocks: { kind: "int8" }, head: { kind: "int8" } };
    case "q8": {
      const blocks = { kind: "blocks", bits: 8, block, scales: compute } as const;
      return { compute, embedding: "f16", blocks, head: blocks };
    }
    case "int4":
      return {
        compute,
        embedding: "f16",
        blocks: { kind: "blocks", bits: 4, block, scales: compute },
        head: { kind: "blocks", bits: 8, block, scales: compute },
      };
  }
}

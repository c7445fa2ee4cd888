import type { ModelShape } from "../../src/core/need.ts";
import type { CheckpointConfig } from "../local/checkpoint/config.ts";
import { expectedWeights } from "../local/checkpoint/inventory.ts";
import type { Precision } from "./graph/precision.ts";
import { ELEMENT_BYTES, type FloatElement } from "./graph/proto.ts";
import type { MatrixType } from "./graph/weights.ts";

/** Bytes of an element as it is computed with: a CPU has 16-bit matrices widened to float32 when the model is loaded. */
export function elementBytes(type: MatrixType, compute: FloatElement): number {
  if (type.kind === "dense") return ELEMENT_BYTES[compute];
  if (type.kind === "int8") return 1;
  return type.bits / 8 + ELEMENT_BYTES[compute] / type.block;
}

/** Bytes of a model's matrices as they are computed with, but for the embedding. */
export function matrixBytes(config: CheckpointConfig, { blocks, head, compute }: Precision): number {
  let bytes = 0;
  for (const [name, shape] of expectedWeights(config)) {
    if (shape.length < 2 || /(?:embed_in|wte)\.weight$/.test(name)) continue;
    const elements = shape.reduce((product, extent) => product * extent, 1);
    bytes += elements * elementBytes(/^(?:embed_out|lm_head)\./.test(name) ? head : blocks, compute);
  }
  return bytes;
}

/**
 * Bytes that the largest matrix in blocks takes where CUDA widens it to 16 bits, one at a time, to multiply more than a few rows by it
 * (matmul_nbits.cc); 0 where none is in blocks.
 */
export function widenedBytes(
  { hiddenSize, intermediateSize, vocabularySize }: ModelShape,
  { blocks, head }: Pick<Precision, "blocks" | "head">,
): number {
  const inBlocks = blocks.kind === "blocks" ? hiddenSize * Math.max(3 * hiddenSize, intermediateSize) : 0;
  const output = head.kind === "blocks" ? hiddenSize * vocabularySize : 0;
  return 2 * Math.max(inBlocks, output);
}

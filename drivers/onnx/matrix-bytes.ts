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

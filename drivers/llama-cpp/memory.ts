import { type ModelNeed, matrixCounts, type PlannedModel } from "../../src/core/need.ts";
import { GPU_CONTEXT_BYTES } from "../local/gpu-context.ts";

/**
 * Tokens of one pass over the weights on a CPU. More are no faster, and where attention is not fused it is computed for
 * each pass with all that came before it, masked or not: a prompt of 500 tokens takes 6 % less in two passes than in one.
 */
export const CPU_PASS_TOKENS = 256;

/** What a model takes beside its weights depends on its shape and on the slots. */
export interface MemoryParts {
  /** Of the weights' file. */
  readonly weightBytes: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly vocabularySize: number;
  readonly slots: number;
  /** Tokens of one slot. */
  readonly contextLength: number;
  readonly kvType: "f32" | "f16" | "bf16";
}

/** Node itself, and the vocabulary in it. */
const PROCESS_BYTES = 120e6;
/** Activations of a token that exist at the same time, in multiples of the hidden size; about twice the MLP's four. */
const ACTIVATIONS = 9;

/** Bytes that one pass over `tokens` tokens computes in: logits, attention over a full context, activations. */
const passBytes = (
  {
    hiddenSize,
    heads,
    vocabularySize,
    contextLength,
  }: Pick<MemoryParts, "hiddenSize" | "heads" | "vocabularySize" | "contextLength">,
  tokens: number,
): number => 4 * tokens * (vocabularySize + heads * contextLength + ACTIVATIONS * hiddenSize);

const kvBytes = (
  { layers, hiddenSize, contextLength }: Pick<MemoryParts, "layers" | "hiddenSize" | "contextLength">,
  kvType: MemoryParts["kvType"],
): number => 2 * layers * hiddenSize * contextLength * (kvType === "f32" ? 4 : 2);

/**
 * Bytes of main memory that a model will take: weights, keys and values of every slot, what one pass computes in, and the
 * process. Of weights, keys and values only those of the `cpuLayers` that are not on a GPU count. Within a tenth of what
 * was measured on a CPU.
 */
export function neededBytes(parts: MemoryParts, cpuLayers = parts.layers): number {
  const { weightBytes, layers, slots, kvType } = parts;
  const held = weightBytes + kvBytes(parts, kvType) * slots;
  return (held * cpuLayers) / layers + passBytes(parts, CPU_PASS_TOKENS + slots) + PROCESS_BYTES;
}

/** Bytes of an element: llama.cpp's blocks of 32 have a scale of 2 bytes. */
const ELEMENT_BYTES = { f32: 4, f16: 2, bf16: 2, q8_0: 34 / 32, q4_0: 18 / 32 } as const;
/** Tokens of one pass on a GPU. */
const GPU_PASS_TOKENS = 512;

interface Placed {
  /** Of the weights; undefined: the model's own. */
  readonly type: keyof typeof ELEMENT_BYTES | undefined;
  readonly kvType: MemoryParts["kvType"];
  readonly slots: number;
  /** GPUs that the layers are spread over; 0: a CPU computes. */
  readonly gpus: number;
  /** As `gpu_layers` counts them; undefined: all. */
  readonly gpuLayers: number | undefined;
}

const isKnown = (type: string): type is keyof typeof ELEMENT_BYTES => Object.hasOwn(ELEMENT_BYTES, type);

/**
 * Blocks that stay in main memory: llama.cpp counts the output as the last layer, and puts layers on the GPU from the last
 * one on (llama.cpp, `llama_model::load_tensors`). `gpuLayers`: undefined: all.
 */
export const blocksOnCpu = (layers: number, gpuLayers: number | undefined): number =>
  Math.min(layers, Math.max(0, layers + 1 - (gpuLayers ?? layers + 1)));

/** What a model will take. A file of a type that is not known by its elements takes its own size. */
export function modelNeed(
  { shape, precision = "f16", fileBytes }: PlannedModel,
  { type, kvType, slots, gpus, gpuLayers }: Placed,
): ModelNeed {
  const { blocks, embedding, vectors } = matrixCounts(shape);
  const taken = type ?? precision;
  const element = isKnown(taken) ? ELEMENT_BYTES[taken] : (fileBytes ?? 0) / (blocks + 2 * embedding);
  // In q4_0 the output matrix stays in 8 bits.
  const output = embedding * (taken === "q4_0" ? ELEMENT_BYTES.q8_0 : element);
  const matrices = blocks * element;
  const inputs = embedding * element;
  const weights = fileBytes ?? matrices + output + inputs + vectors * ELEMENT_BYTES.f32;
  const kvPerSlot = kvBytes(shape, kvType);
  if (gpus === 0) {
    return {
      precision: taken,
      device: "cpu",
      slots,
      weights,
      readPerToken: matrices + output,
      // On a CPU, llama.cpp arranges 4-bit matrices anew for its kernels, beside the file.
      fileCopy: taken === "q4_0" ? matrices : 0,
      kvPerSlot,
      pass: passBytes(shape, CPU_PASS_TOKENS + slots),
      process: PROCESS_BYTES,
    };
  }
  const onCpu = shape.layers === 0 ? 0 : blocksOnCpu(shape.layers, gpuLayers) / shape.layers;
  // The embedding always stays in main memory.
  const hostWeights = inputs + (matrices + vectors * ELEMENT_BYTES.f32) * onCpu;
  return {
    precision: taken,
    device: "gpu",
    slots,
    weights: weights - hostWeights,
    readPerToken: matrices * (1 - onCpu) + output,
    fileCopy: 0,
    kvPerSlot: kvPerSlot * (1 - onCpu),
    // Each GPU has its own.
    pass: passBytes(shape, GPU_PASS_TOKENS) * gpus,
    process: GPU_CONTEXT_BYTES * gpus,
    host: {
      weights: hostWeights,
      readPerToken: matrices * onCpu,
      kvPerSlot: kvPerSlot * onCpu,
      pass: onCpu === 0 ? 4 * slots * shape.vocabularySize : passBytes(shape, GPU_PASS_TOKENS),
      process: PROCESS_BYTES,
    },
  };
}

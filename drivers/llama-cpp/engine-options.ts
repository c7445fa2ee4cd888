import type { CudaPlaces } from "../local/cuda-libraries.ts";
import type { MemoryParts } from "./memory.ts";

/** What the driver asks of the engine process; travels in the load message. */
export interface LlamaEngineOptions {
  /** Absolute path of a GGUF file. */
  readonly modelPath: string;
  /** Most tokens of one slot. */
  readonly contextLength: number;
  readonly slots: number;
  /** Most tokens of one step, over all slots. */
  readonly batchTokens: number;
  /** Threads that compute. */
  readonly threads: number;
  readonly gpu: "auto" | "cuda" | "vulkan" | "metal" | "none";
  /** Where CUDA's libraries are looked for. */
  readonly places: CudaPlaces;
  /** Layers on the GPU; null: all of them, where there is a GPU. */
  readonly gpuLayers: number | null;
  /** Index of the one GPU that takes the whole model; null: all GPUs share it. */
  readonly mainGpu: number | null;
  /** Shares of the model that each GPU takes; empty: by their free memory. */
  readonly tensorSplit: readonly number[];
  /** Names of the GPUs to use, such as `CUDA0`; empty: all. */
  readonly devices: readonly string[];
  readonly kvType: "f32" | "f16" | "bf16";
  readonly flashAttention: "auto" | "on" | "off";
  /** Map the file into memory rather than reading it. */
  readonly mmap: boolean;
  /** What the memory that the model takes depends on; null: whether it fits is not checked. */
  readonly memory: MemoryParts | null;
  /** Metadata that the file lacks or has wrong. */
  readonly metadata: Readonly<Record<string, string | number>>;
}

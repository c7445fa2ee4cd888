import type { FloatElement } from "./graph/proto.ts";
import type { MemoryParts } from "./memory.ts";
import type { CudaSettings } from "./runtime/cuda-provider.ts";
import type { OnnxCudaLibrary } from "./runtime/library.ts";

/** A GPU and what computes on it. */
export interface CudaPlace {
  readonly library: OnnxCudaLibrary;
  readonly settings: CudaSettings;
}

/** What the driver tells the engine in its process. */
export interface OnnxEngineOptions {
  /** Path of the graph; its large constants lie beside it. */
  readonly modelPath: string;
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly slots: number;
  readonly batchTokens: number;
  readonly threads: number;
  /** What the graph computes in, keys and values too. */
  readonly compute: FloatElement;
  /** Null: the CPU computes. */
  readonly cuda: CudaPlace | null;
  /** Null: load whatever memory there is. */
  readonly memory: MemoryParts | null;
}

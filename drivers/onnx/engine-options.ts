import type { MemoryParts } from "./memory.ts";

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
  /** Null: load whatever memory there is. */
  readonly memory: MemoryParts | null;
}

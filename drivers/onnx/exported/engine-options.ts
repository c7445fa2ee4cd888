import type { ExportedGraph } from "./source.ts";

/** What the driver tells the engine of an exported decoder in its process. */
export interface ExportedEngineOptions {
  readonly first: ExportedGraph;
  readonly later: ExportedGraph | null;
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly slots: number;
  readonly batchTokens: number;
  readonly threads: number;
  /** Bytes that it will take; null: load it whatever memory there is. */
  readonly neededBytes: number | null;
}

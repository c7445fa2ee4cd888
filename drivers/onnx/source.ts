import { basename } from "node:path";
import type { LoadContext } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import { type CheckpointHeader, readCheckpointHeader } from "../local/checkpoint/index.ts";
import type { LocalSource } from "../local/description.ts";
import { checkpointSource, convertedSource } from "./built-source.ts";
import type { CudaPlace } from "./engine-options.ts";
import { findExport } from "./exported/files.ts";
import { exportedSource } from "./exported/index.ts";
import { readManifest } from "./manifest.ts";
import type { OnnxOptions } from "./options.ts";

/** A model on disk, in any form that the driver takes. */
export interface OnnxSource extends LocalSource, GraphSource {
  readonly endOfText: number | null;
}

/** Where a model's graph comes from. */
export interface GraphSource {
  readonly precision: string;
  /** Makes sure that there is a graph. */
  prepare(context: LoadContext, signal: AbortSignal): Promise<PreparedGraph>;
}

export interface PreparedGraph {
  readonly fingerprint: string;
  /** What computes it: a module for the engine process, with its options. */
  engine(room: EngineRoom): { readonly module: string; readonly options: object };
}

/** What a placement gives the engine. */
export interface EngineRoom {
  readonly slots: number;
  /** Tokens of one slot. */
  readonly contextLength: number;
  /** Undefined: as the size of the model asks for. */
  readonly threads: number | undefined;
  readonly memoryCheck: boolean;
  /** Null: the CPU computes. */
  readonly cuda: CudaPlace | null;
}

/** Reads headers only. Throws OperatorError that names the file. */
export async function readSource(options: OnnxOptions): Promise<OnnxSource> {
  const exported = await findExport(options.model);
  const header = await readCheckpointHeader(exported?.folder ?? options.model);
  const { config, tokenizer } = header;
  return {
    contextLength: config.contextLength,
    vocabularySize: config.vocabularySize,
    tokenizer: tokenizer.json,
    endOfText: tokenizer.roles.eos ?? config.eosTokenId,
    ...(await graphSource(header, options, exported)),
  };
}

async function graphSource(
  header: CheckpointHeader,
  options: OnnxOptions,
  exported: Awaited<ReturnType<typeof findExport>>,
): Promise<GraphSource> {
  const manifest = await readManifest(header.folder);
  if (manifest) return convertedSource(header, manifest, options);
  if (!exported) return checkpointSource(header, options);
  if (options.type !== undefined || options.block !== undefined) {
    throw new OperatorError(
      `${options.model}: is an exported graph, whose numbers are what they are; remove type and block, or give the checkpoint`,
    );
  }
  if (options.provider !== "cpu") {
    throw new OperatorError(
      `${options.model}: is an exported graph, which is computed on a CPU; remove provider, or give the checkpoint`,
    );
  }
  return exportedSource(header, exported);
}

/** Name of a model by its path: the folder's, or the file's. */
export const modelName = (path: string): string => basename(path, ".onnx");

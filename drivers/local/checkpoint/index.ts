import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { type CheckpointConfig, parseConfig } from "./config.ts";
import { type HashOptions, hashContent } from "./content-hash.ts";
import { fault, fileFault, parseJson, readText } from "./files.ts";
import { takeInventory } from "./inventory.ts";
import { type ModelCard, readModelCard } from "./model-card.ts";
import { openWeights } from "./shards.ts";
import type { Weight } from "./tensor.ts";
import { readTokenizerFiles, type TokenizerFiles } from "./tokenizer-files.ts";

const MAX_CONFIG = 1 << 20;

/** What a checkpoint says without its weights. */
export interface CheckpointHeader {
  /** Absolute path. */
  readonly folder: string;
  /** Base name of the folder. */
  readonly name: string;
  readonly config: CheckpointConfig;
  readonly tokenizer: TokenizerFiles;
  readonly card: ModelCard;
}

/** A checkpoint whose weights are complete and of the right shapes. */
export interface Checkpoint extends CheckpointHeader {
  /** By Hugging Face's name, in the order of the model. */
  readonly weights: ReadonlyMap<string, Weight>;
  /** SHA-256 over configuration, tokenizer, card and weights, not over names or times; hexadecimal. */
  contentHash(options?: HashOptions): Promise<string>;
  close(): Promise<void>;
}

/** Reads configuration, tokenizer and card. Throws OperatorError that names the file. */
export async function readCheckpointHeader(folder: string): Promise<CheckpointHeader> {
  const absolute = resolve(folder);
  const entry = await stat(absolute).catch((error: unknown) => {
    throw fileFault(absolute, error);
  });
  if (!entry.isDirectory()) throw fault(absolute, "is not a checkpoint folder");
  const path = join(absolute, "config.json");
  const config = parseConfig(path, parseJson(path, await readText(absolute, "config.json", MAX_CONFIG)));
  return {
    folder: absolute,
    name: basename(absolute),
    config,
    tokenizer: await readTokenizerFiles(absolute, config.vocabularySize),
    card: await readModelCard(absolute),
  };
}

/**
 * Opens a Hugging Face checkpoint of GPT-NeoX or GPT-J: safetensors or torch's `.bin`, single or in shards. Only headers
 * are read, the folder's own not again where the caller has it. Throws OperatorError that names file and tensor. The
 * caller closes it.
 */
export async function openCheckpoint(source: string | CheckpointHeader): Promise<Checkpoint> {
  const header = typeof source === "string" ? await readCheckpointHeader(source) : source;
  const { files, tensors } = await openWeights(header.folder);
  const close = async () => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    const weights = takeInventory(header.folder, header.config, tensors);
    return {
      ...header,
      weights,
      contentHash: (options = {}) => hashContent(header, { files, weights }, options),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

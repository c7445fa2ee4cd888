import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeAtomically } from "../../../src/machine/atomic-write.ts";
import type { CheckpointConfig } from "./config.ts";
import type { OpenFile } from "./files.ts";
import type { ModelCard } from "./model-card.ts";
import type { Weight } from "./tensor.ts";
import type { TokenizerFiles } from "./tokenizer-files.ts";

export interface HashOptions {
  /** Where hashes of files that did not change are remembered; none: every byte is read again. */
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
  /** 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
}

const CHUNK = 1 << 20;
const INDEX = "content-hashes.json";
const MAX_REMEMBERED = 1000;
const indexSchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));

/** What goes into a converted model beside its weights. */
interface Described {
  readonly config: CheckpointConfig;
  readonly tokenizer: TokenizerFiles;
  readonly card: ModelCard;
}

/** SHA-256 over what a checkpoint says and holds. */
export async function hashContent(
  { config, tokenizer, card }: Described,
  { files, weights }: { readonly files: readonly OpenFile[]; readonly weights: ReadonlyMap<string, Weight> },
  options: HashOptions,
): Promise<string> {
  const digests = await hashFiles(files, options);
  const layout = [...weights].map(([tensor, { dtype, shape }]) => [tensor, dtype, shape]);
  return createHash("sha256")
    .update(JSON.stringify([config, tokenizer.text, tokenizer.roles, card, layout, digests]))
    .digest("hex");
}

/** SHA-256 of each file's content. A file is known again by size, time of change and inode. */
export async function hashFiles(
  files: readonly OpenFile[],
  { cacheDir, signal, onProgress = () => undefined }: HashOptions,
): Promise<string[]> {
  const known = cacheDir === undefined ? new Map<string, string>() : await recall(cacheDir);
  const fresh = new Map<string, string>();
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let before = 0;
  const digests: string[] = [];
  for (const file of files) {
    const identity = await file.identity();
    const remembered = known.get(identity);
    const digest =
      remembered ??
      (await hashFile(file, signal, (bytes) => onProgress((before + bytes) / Math.max(1, total))));
    // A file that changes while it is read is not remembered under either face.
    if (remembered === undefined && (await file.identity()) === identity) fresh.set(identity, digest);
    digests.push(digest);
    before += file.size;
  }
  if (cacheDir !== undefined && fresh.size > 0) await remember(cacheDir, new Map([...known, ...fresh]));
  return digests;
}

async function hashFile(
  file: OpenFile,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(Math.min(CHUNK, file.size));
  for (let position = 0; position < file.size; position += CHUNK) {
    signal?.throwIfAborted();
    const chunk = buffer.subarray(0, Math.min(CHUNK, file.size - position));
    await file.read(position, chunk);
    hash.update(chunk);
    onBytes(position + chunk.length);
  }
  return hash.digest("hex");
}

/** What was remembered; an index that is missing or damaged remembers nothing. */
async function recall(cacheDir: string): Promise<Map<string, string>> {
  try {
    const index = indexSchema.parse(JSON.parse(await readFile(join(cacheDir, INDEX), "utf8")));
    return new Map(Object.entries(index));
  } catch {
    return new Map();
  }
}

/** Keeps the newest; two processes that remember at once lose one's hashes at most, which are then made again. */
async function remember(cacheDir: string, hashes: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const index = JSON.stringify(Object.fromEntries([...hashes].slice(-MAX_REMEMBERED)));
  await writeAtomically(join(cacheDir, INDEX), index).catch(() => {});
}

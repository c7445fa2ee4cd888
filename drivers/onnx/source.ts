import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import type { LoadContext } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import { hashFiles } from "../local/checkpoint/content-hash.ts";
import { fault, openFile } from "../local/checkpoint/files.ts";
import { type CheckpointHeader, readCheckpointHeader } from "../local/checkpoint/index.ts";
import { checkpointHash, hashOptions } from "../local/checkpoint-hash.ts";
import type { LocalSource } from "../local/description.ts";
import { cachedModel } from "../local/model-cache.ts";
import { convertToOnnx, hasBlocks } from "./convert.ts";
import { type Block, DEFAULT_BLOCK, type OnnxType, type Precision, precisionOf } from "./graph/precision.ts";
import { CONVERTER_VERSION, DATA_FILE, type Manifest, MODEL_FILE, readManifest } from "./manifest.ts";
import type { OnnxOptions } from "./options.ts";
import { ORT_RELEASE } from "./runtime/library.ts";

/** A model on disk, in either form that the driver takes. */
export interface OnnxSource extends LocalSource {
  readonly header: CheckpointHeader;
  readonly parts: Precision;
  readonly endOfText: number | null;
  /** Makes sure that there is a graph. */
  prepare(context: LoadContext, signal: AbortSignal): Promise<PreparedGraph>;
}

export interface PreparedGraph {
  /** Of the graph. */
  readonly path: string;
  readonly fingerprint: string;
  /** Of the graph and its constants. */
  readonly bytes: number;
}

/** Reads headers only. Throws OperatorError that names the file. */
export async function readSource(options: OnnxOptions): Promise<OnnxSource> {
  const header = await readCheckpointHeader(options.model);
  const manifest = await readManifest(header.folder);
  const { config, tokenizer } = header;
  const common = {
    header,
    contextLength: config.contextLength,
    vocabularySize: config.vocabularySize,
    tokenizer: tokenizer.json,
    endOfText: tokenizer.roles.eos ?? config.eosTokenId,
  };
  return { ...common, ...(manifest ? converted(header, manifest, options) : toConvert(header, options)) };
}

function toConvert(
  header: CheckpointHeader,
  options: OnnxOptions,
): Pick<OnnxSource, "precision" | "parts" | "prepare"> {
  const type = options.type ?? (header.config.dtype === "float32" ? "f32" : "f16");
  const block = options.block ?? DEFAULT_BLOCK;
  const precision = precisionName(type, hasBlocks(type) ? block : null);
  return {
    precision,
    parts: precisionOf(type, block),
    async prepare({ name, cacheDir, onProgress }, signal) {
      const content = await checkpointHash(header, { name, cacheDir, onProgress }, signal);
      const task = `converting ${name} to ${precision}`;
      const folder = await cachedModel({
        cacheDir,
        key: [header.name, content, precision, `onnx ${CONVERTER_VERSION}`],
        signal,
        make: (temporary) =>
          convertToOnnx({
            source: header.folder,
            contentHash: content,
            type,
            block,
            folder: temporary,
            signal,
            onProgress: (fraction) => onProgress({ task, fraction }),
          }),
      });
      const bytes = await sizeOf(folder);
      return { path: join(folder, MODEL_FILE), fingerprint: fingerprint(content, precision), bytes };
    },
  };
}

function converted(
  { folder }: CheckpointHeader,
  manifest: Manifest,
  { model, type, block }: OnnxOptions,
): Pick<OnnxSource, "precision" | "parts" | "prepare"> {
  const precision = precisionName(manifest.type, manifest.block);
  if ((type ?? manifest.type) !== manifest.type || (block ?? manifest.block) !== manifest.block) {
    throw new OperatorError(
      `${model}: is ${precision}, and another type or block was asked for; remove them, or convert the checkpoint`,
    );
  }
  return {
    precision,
    parts: precisionOf(manifest.type, manifest.block ?? DEFAULT_BLOCK),
    async prepare(context, signal) {
      for (const { name, bytes, sha256 } of manifest.files) {
        const file = await openFile(join(folder, name));
        try {
          const [content] = await hashFiles([file], hashOptions(context, signal));
          if (file.size === bytes && content === sha256) continue;
          throw fault(
            file.path,
            "is not the file that was converted: it is damaged, convert the checkpoint again",
          );
        } finally {
          await file.close();
        }
      }
      const path = join(folder, MODEL_FILE);
      return { path, fingerprint: fingerprint(manifest.source, precision), bytes: await sizeOf(folder) };
    },
  };
}

async function sizeOf(folder: string): Promise<number> {
  const sizes = [MODEL_FILE, DATA_FILE].map(async (name) => {
    const file = await openFile(join(folder, name));
    await file.close();
    return file.size;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const precisionName = (type: OnnxType, block: Block | null): string =>
  block === null ? type : `${type}-b${block}`;

/** Changes with the weights' content, their precision and the engine's release. */
function fingerprint(content: string, precision: string): string {
  return createHash("sha256")
    .update(JSON.stringify(["onnx", ORT_RELEASE, content, precision]))
    .digest("hex")
    .slice(0, 16);
}

/** Name of a model by its path: the folder's. */
export const modelName = (path: string): string => basename(path);

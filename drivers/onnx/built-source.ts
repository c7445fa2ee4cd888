import { createHash } from "node:crypto";
import { extname, join } from "node:path";
import type { LoadContext } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import { hashFiles } from "../local/checkpoint/content-hash.ts";
import { fault, openFile } from "../local/checkpoint/files.ts";
import type { CheckpointHeader } from "../local/checkpoint/index.ts";
import { checkpointHash, hashOptions } from "../local/checkpoint-hash.ts";
import { cachedModel } from "../local/model-cache.ts";
import { STEP_TOKENS } from "../local/options.ts";
import { computingThreads } from "../local/threads.ts";
import { convertToOnnx, hasBlocks } from "./convert.ts";
import type { OnnxEngineOptions } from "./engine-options.ts";
import { type Block, DEFAULT_BLOCK, type OnnxType, type Provider, precisionOf } from "./graph/precision.ts";
import { CONVERTER_VERSION, DATA_FILE, type Manifest, MODEL_FILE } from "./manifest.ts";
import { matrixBytes, widenedBytes } from "./matrix-bytes.ts";
import type { OnnxOptions } from "./options.ts";
import { prepacked } from "./prepack.ts";
import { ORT_RELEASE } from "./runtime/library.ts";
import type { EngineRoom, GraphSource, PreparedGraph } from "./source.ts";

/** Imported in the engine's process only; it has this file's extension, in the sources and in a build. */
const ENGINE = new URL(`./engine${extname(import.meta.url)}`, import.meta.url).href;

/** A checkpoint, of which a graph is made once. */
export function checkpointSource(header: CheckpointHeader, options: OnnxOptions): GraphSource {
  const { provider } = options;
  const type = options.type ?? (provider === "cpu" && header.config.dtype === "float32" ? "f32" : "f16");
  const block = options.block ?? DEFAULT_BLOCK;
  const precision = precisionName(type, hasBlocks(type) ? block : null);
  return {
    precision,
    async prepare(context, signal) {
      const { name, cacheDir, onProgress } = context;
      const content = await checkpointHash(header, { name, cacheDir, onProgress }, signal);
      const task = `converting ${name} to ${precision}`;
      const folder = await cachedModel({
        cacheDir,
        key: [header.name, content, precision, `onnx ${CONVERTER_VERSION}`, ...gpuOnly(provider)],
        signal,
        make: (temporary) =>
          convertToOnnx({
            source: header.folder,
            contentHash: content,
            type,
            block,
            provider,
            folder: temporary,
            signal,
            onProgress: (fraction) => onProgress({ task, fraction }),
          }),
      });
      return prepared({ header, folder, content, type, block, options }, context, signal);
    },
  };
}

/** A folder that was converted before. */
export function convertedSource(
  header: CheckpointHeader,
  manifest: Manifest,
  options: OnnxOptions,
): GraphSource {
  const { model, type, block, provider } = options;
  const { folder } = header;
  const precision = precisionName(manifest.type, manifest.block);
  if ((type ?? manifest.type) !== manifest.type || (block ?? manifest.block) !== manifest.block) {
    throw new OperatorError(
      `${model}: is ${precision}, and another type or block was asked for; remove them, or convert the checkpoint`,
    );
  }
  if (provider !== manifest.provider) {
    throw new OperatorError(
      `${model}: was converted for provider: ${manifest.provider}, and ${provider} was asked for; change it, or convert the checkpoint with --provider ${provider}`,
    );
  }
  return {
    precision,
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
      const { source: content, type: kept, block: size } = manifest;
      const made = { header, folder, content, type: kept, block: size ?? DEFAULT_BLOCK, options };
      return prepared(made, context, signal);
    },
  };
}

interface Built {
  readonly header: CheckpointHeader;
  readonly folder: string;
  /** Hash of the checkpoint. */
  readonly content: string;
  readonly type: OnnxType;
  readonly block: Block;
  readonly options: Pick<OnnxOptions, "provider" | "prepack">;
}

async function prepared(
  { header: { config }, folder, content, type, block, options: { provider, prepack } }: Built,
  context: LoadContext,
  signal: AbortSignal,
): Promise<PreparedGraph> {
  const parts = precisionOf(type, block, provider);
  const precision = precisionName(type, hasBlocks(type) ? block : null);
  const fingerprint = fingerprintOf(content, precision, provider);
  const bytes = await sizeOf(folder);
  const model = join(folder, MODEL_FILE);
  const modelPath =
    prepack && provider === "cpu" ? await prepacked({ model, bytes, fingerprint }, context, signal) : model;
  return {
    fingerprint,
    engine({ slots, contextLength, threads, memoryCheck, cuda }: EngineRoom) {
      const { layers, heads, headSize, hiddenSize, vocabularySize } = config;
      const batchTokens = STEP_TOKENS + slots;
      const { compute } = parts;
      const shape = { layers, heads, vocabularySize, slots, contextLength, batchTokens, compute };
      const options: OnnxEngineOptions = {
        ...shape,
        modelPath,
        headSize,
        threads: threads ?? computingThreads(bytes),
        cuda,
        memory: memoryCheck
          ? {
              ...shape,
              hiddenSize,
              matrixBytes: matrixBytes(config, parts),
              widenedBytes: widenedBytes(config, parts),
            }
          : null,
      };
      return { module: ENGINE, options };
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

/** What tells a GPU's graph from a CPU's of the same precision. */
const gpuOnly = (provider: Provider): string[] => (provider === "cpu" ? [] : [provider]);

/** Changes with the weights' content, their precision, what computes and the engine's release. */
function fingerprintOf(content: string, precision: string, provider: Provider): string {
  return createHash("sha256")
    .update(JSON.stringify(["onnx", ORT_RELEASE, content, precision, ...gpuOnly(provider)]))
    .digest("hex")
    .slice(0, 16);
}

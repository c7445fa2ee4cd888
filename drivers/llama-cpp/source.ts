import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { LoadContext } from "../../src/core/driver.ts";
import type { PlannedModel } from "../../src/core/need.ts";
import { OperatorError } from "../../src/errors.ts";
import { hashFiles } from "../local/checkpoint/content-hash.ts";
import { fault, fileFault, openFile } from "../local/checkpoint/files.ts";
import { readCheckpointHeader } from "../local/checkpoint/index.ts";
import { checkpointHash, hashOptions } from "../local/checkpoint-hash.ts";
import { cachedModel } from "../local/model-cache.ts";
import type { TokenizerJson } from "../local/tokenizer-json.ts";
import { CONVERTER_VERSION, convertToGguf, requireGptNeox } from "./convert.ts";
import { readGguf } from "./gguf/read.ts";
import { describeGguf } from "./gguf-model.ts";
import { PACKAGE_VERSION } from "./library.ts";
import type { LlamaCppOptions } from "./options.ts";

/** What its memory depends on. */
export interface ModelShape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
}

/** A model on disk, in either form that the driver takes. */
export interface ModelSource {
  /** Most tokens that the model was made for. */
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly shape: ModelShape;
  readonly precision: string;
  readonly tokenizer: TokenizerJson;
  readonly endOfText: number | null;
  /** Metadata that llama.cpp should see where the file lacks it. */
  readonly metadata: Readonly<Record<string, string | number>>;
  /** Makes sure that there is a GGUF file. */
  prepare(context: LoadContext, signal: AbortSignal): Promise<PreparedModel>;
}

export interface PreparedModel {
  /** Of the GGUF file. */
  readonly path: string;
  readonly fingerprint: string;
  /** Size of the file. */
  readonly bytes: number;
}

/** Reads headers only. Throws OperatorError that names the file. */
export async function readSource(options: LlamaCppOptions): Promise<ModelSource> {
  const { model } = options;
  const entry = await stat(model).catch((error: unknown) => {
    throw fileFault(model, error);
  });
  return entry.isDirectory() ? readCheckpointSource(options) : readGgufSource(options);
}

async function readCheckpointSource({ model, type: wanted }: LlamaCppOptions): Promise<ModelSource> {
  const header = await readCheckpointHeader(model);
  const { contextLength, vocabularySize, dtype, eosTokenId, ...shape } = requireGptNeox(header);
  const { json, roles } = header.tokenizer;
  const type = wanted ?? (dtype === "float32" ? "f32" : "f16");
  return {
    contextLength,
    vocabularySize,
    shape,
    precision: type,
    tokenizer: json,
    endOfText: roles.eos ?? eosTokenId,
    metadata: {},
    async prepare({ name, cacheDir, onProgress }, signal) {
      const content = await checkpointHash(header, { name, cacheDir, onProgress }, signal);
      const task = `converting ${name} to ${type}`;
      const fileName = `${header.name}-${type}.gguf`;
      const folder = await cachedModel({
        cacheDir,
        key: [fileName, content, type, `gguf ${CONVERTER_VERSION}`],
        signal,
        make: async (temporary) => {
          const made = await convertToGguf({
            source: model,
            type,
            output: join(temporary, fileName),
            signal,
            onProgress: (fraction) => onProgress({ task, fraction }),
          });
          return [{ ...made, name: fileName }];
        },
      });
      const path = join(folder, fileName);
      return { path, fingerprint: fingerprint(content, type), bytes: (await stat(path)).size };
    },
  };
}

async function readGgufSource({ model, type }: LlamaCppOptions): Promise<ModelSource> {
  if (!model.toLowerCase().endsWith(".gguf")) {
    throw fault(model, "is neither the folder of a checkpoint nor a .gguf file");
  }
  const { metadata } = await readGguf(model);
  const described = describeGguf(metadata, model);
  const { precision } = described;
  if (type !== undefined && type !== precision) {
    throw new OperatorError(
      `${model}: is ${precision}, and type: ${type} was asked for; remove type, or convert the checkpoint`,
    );
  }
  return {
    ...described,
    metadata: described.missingMetadata,
    async prepare(context, signal) {
      const file = await openFile(model);
      try {
        const [content = ""] = await hashFiles([file], hashOptions(context, signal));
        return { path: model, fingerprint: fingerprint(content, precision), bytes: file.size };
      } finally {
        await file.close();
      }
    },
  };
}

/** A model on disk as plans see it. Reads headers only; throws OperatorError. */
export async function plannedModel(model: string): Promise<PlannedModel> {
  const entry = await stat(model).catch((error: unknown) => {
    throw fileFault(model, error);
  });
  if (entry.isDirectory()) {
    const { config } = await readCheckpointHeader(model);
    return { shape: config, precision: config.dtype === "float32" ? "f32" : "f16" };
  }
  const { shape, contextLength, vocabularySize, precision } = describeGguf(
    (await readGguf(model)).metadata,
    model,
  );
  return {
    shape: {
      ...shape,
      architecture: "gpt_neox",
      contextLength,
      vocabularySize,
      intermediateSize: 4 * shape.hiddenSize,
    },
    precision,
    fileBytes: entry.size,
  };
}

/** Changes with the weights' content, their precision and the engine's release. */
function fingerprint(content: string, precision: string): string {
  return createHash("sha256")
    .update(JSON.stringify(["llama-cpp", PACKAGE_VERSION, content, precision]))
    .digest("hex")
    .slice(0, 16);
}

/** Name of a model by its path: the folder's, or the file's without `.gguf`. */
export const modelName = (path: string): string => basename(path).replace(/\.gguf$/i, "");

import { extname } from "node:path";
import { defineDriver, type LoadContext, type ModelDescription } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import type { CudaPlaces } from "../local/cuda-libraries.ts";
import { describeLocal } from "../local/description.ts";
import { startLocalModel } from "../local/index.ts";
import { cudaFinding, libraryFinding } from "../local/library-finding.ts";
import { roomOf, STEP_TOKENS } from "../local/options.ts";
import { computingThreads } from "../local/threads.ts";
import { Tokenizer } from "../local/tokenizer.ts";
import { LLAMA_CUDA_PACKAGES } from "./cuda-package.ts";
import type { LlamaEngineOptions } from "./engine-options.ts";
import { findLibraries, installedGpuBuilds } from "./library.ts";
import { modelNeed } from "./memory.ts";
import { type LlamaCppOptions, llamaCppOptions } from "./options.ts";
import { plannedGpus } from "./planned-gpus.ts";
import { type ModelSource, modelName, type PreparedModel, plannedModel, readSource } from "./source.ts";

/** Imported in the engine's process only; it has this file's extension, in the sources and in a build. */
const ENGINE = new URL(`./engine${extname(import.meta.url)}`, import.meta.url).href;

/** Runs GPT-NeoX models with llama.cpp, on a CPU or a GPU. */
export const llamaCpp = defineDriver({
  name: "llama-cpp",
  about:
    "Runs GPT-NeoX checkpoints and GGUF files with llama.cpp, in a child process for each model: on a CPU, and with one more install on CUDA and Vulkan.",
  options: llamaCppOptions,
  paths: ["model", "cuda_libraries"],
  need(options, model, { gpus, providers }) {
    if (model.shape.architecture !== "gpt_neox") return "llama.cpp has no GPT-J";
    const placed = plannedGpus(options, gpus, providers);
    if (typeof placed === "string") return placed;
    const { places, split } = placed;
    const { type, kv_type: kvType, parallel: slots, gpu_layers: gpuLayers } = options;
    const need = modelNeed(model, { type, kvType, slots, gpus: places.length, gpuLayers });
    return { ...need, gpus: places, ...(split === undefined ? {} : { split }) };
  },
  model: ({ model }) => plannedModel(model),
  nativePackages: LLAMA_CUDA_PACKAGES,
  providers: (cacheDir) => installedGpuBuilds(process, { cacheDir }),
  diagnose({ gpus }, cacheDir) {
    const places = { libraries: undefined, cacheDir };
    const found = [libraryFinding("llama.cpp", () => findLibraries("none", process, places).folder)];
    const wanted =
      gpus.some(({ vendor }) => vendor === "nvidia") || installedGpuBuilds(process, places).includes("cuda");
    if (!wanted) return found;
    return [...found, cudaFinding("llama.cpp", () => findLibraries("cuda", process, places).folder)];
  },
  async inspect(options, context) {
    return describe(await readSource(options), options, context);
  },
  async load(options, context, signal) {
    const places = { libraries: options.cuda_libraries, cacheDir: context.cacheDir };
    requireBuild(options, places, context.name);
    const source = await readSource(options);
    const description = describe(source, options, context);
    const prepared = await source.prepare(context, signal);
    return startLocalModel(
      {
        description,
        fingerprint: prepared.fingerprint,
        tokenizer: new Tokenizer(source.tokenizer, source.vocabularySize),
        endOfText: source.endOfText,
        engine: {
          module: ENGINE,
          options: engineOptions(options, { source, description, prepared, places }),
        },
        ...roomOf(options),
        context,
      },
      signal,
    );
  },
});

function describe(
  source: ModelSource,
  { model }: LlamaCppOptions,
  context: Pick<LoadContext, "maxModelLen" | "name">,
): ModelDescription {
  return describeLocal(source, { name: modelName(model), path: model }, context);
}

interface Start {
  readonly source: ModelSource;
  readonly description: ModelDescription;
  readonly prepared: PreparedModel;
  readonly places: CudaPlaces;
}

/** Throws OperatorError before a checkpoint is converted for a GPU that cannot be used. */
function requireBuild({ gpu }: LlamaCppOptions, places: CudaPlaces, name: string): void {
  if (gpu !== "cuda") return;
  try {
    findLibraries(gpu, process, places);
  } catch (error) {
    throw new OperatorError(
      `${name}: gpu: ${gpu}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function engineOptions(
  options: LlamaCppOptions,
  { source, description, prepared, places }: Start,
): LlamaEngineOptions {
  return {
    modelPath: prepared.path,
    contextLength: description.contextLength,
    slots: options.parallel,
    batchTokens: STEP_TOKENS + options.parallel,
    threads: options.threads ?? computingThreads(prepared.bytes),
    gpu: options.gpu,
    places,
    gpuLayers: options.gpu_layers ?? null,
    mainGpu: options.main_gpu ?? null,
    tensorSplit: options.tensor_split ?? [],
    devices: options.devices ?? [],
    kvType: options.kv_type,
    flashAttention: options.flash_attention,
    mmap: options.mmap,
    metadata: source.metadata,
    memory: options.memory_check
      ? {
          ...source.shape,
          weightBytes: prepared.bytes,
          vocabularySize: source.vocabularySize,
          slots: options.parallel,
          contextLength: description.contextLength,
          kvType: options.kv_type,
        }
      : null,
  };
}

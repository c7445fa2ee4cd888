import { extname } from "node:path";
import { defineDriver, type LoadContext, type ModelDescription } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import { startLocalModel } from "../local/index.ts";
import { Tokenizer } from "../local/tokenizer.ts";
import type { LlamaEngineOptions } from "./engine-options.ts";
import { type LlamaCppOptions, llamaCppOptions, STEP_TOKENS } from "./options.ts";
import { type ModelSource, modelName, type PreparedModel, readSource } from "./source.ts";
import { computingThreads } from "./threads.ts";

/** Imported in the engine's process only; it has this file's extension, in the sources and in a build. */
const ENGINE = new URL(`./engine${extname(import.meta.url)}`, import.meta.url).href;

/** Runs GPT-NeoX models with llama.cpp, on a CPU or a GPU. */
export const llamaCpp = defineDriver({
  name: "llama-cpp",
  about: "Runs Dolly v2 and other GPT-NeoX models with llama.cpp, on a CPU or a GPU.",
  options: llamaCppOptions,
  paths: ["model"],
  async inspect(options, context) {
    return describe(await readSource(options), options, context);
  },
  async load(options, context, signal) {
    const source = await readSource(options);
    const description = describe(source, options, context);
    const prepared = await source.prepare(context, signal);
    return startLocalModel(
      {
        description,
        fingerprint: prepared.fingerprint,
        tokenizer: new Tokenizer(source.tokenizer, source.vocabularySize),
        endOfText: source.endOfText,
        engine: { module: ENGINE, options: engineOptions(options, { source, description, prepared }) },
        limits: {
          prefillChunk: options.prefill_chunk ?? null,
          sharePrefixCache: options.share_prefix_cache,
          maxQueue: options.max_queue,
          queueTimeoutMs: options.queue_timeout * 1000,
        },
        stallTimeoutMs: options.stall_timeout * 1000,
        loadTimeoutMs: options.load_timeout * 1000,
        context,
      },
      signal,
    );
  },
});

function describe(
  source: ModelSource,
  { model }: LlamaCppOptions,
  { maxModelLen, name }: LoadContext,
): ModelDescription {
  const { contextLength, vocabularySize, precision, tokenizer } = source;
  if (maxModelLen !== undefined && maxModelLen > contextLength) {
    throw new OperatorError(
      `${name}: max_model_len ${maxModelLen} is more than the model's context of ${contextLength} tokens (${model})`,
    );
  }
  return {
    name: modelName(model),
    contextLength: maxModelLen ?? contextLength,
    vocabularySize,
    precision,
    controlTokens: tokenizer.added_tokens.filter(({ special }) => special).map(({ content }) => content),
  };
}

interface Start {
  readonly source: ModelSource;
  readonly description: ModelDescription;
  readonly prepared: PreparedModel;
}

function engineOptions(
  options: LlamaCppOptions,
  { source, description, prepared }: Start,
): LlamaEngineOptions {
  return {
    modelPath: prepared.path,
    contextLength: description.contextLength,
    slots: options.parallel,
    batchTokens: STEP_TOKENS + options.parallel,
    threads: options.threads ?? computingThreads(prepared.bytes),
    gpu: options.gpu,
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

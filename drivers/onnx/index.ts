import { extname } from "node:path";
import { defineDriver } from "../../src/core/driver.ts";
import { describeLocal } from "../local/description.ts";
import { startLocalModel } from "../local/index.ts";
import { roomOf, STEP_TOKENS } from "../local/options.ts";
import { computingThreads } from "../local/threads.ts";
import { Tokenizer } from "../local/tokenizer.ts";
import type { OnnxEngineOptions } from "./engine-options.ts";
import { matrixBytes } from "./matrix-bytes.ts";
import { onnxOptions } from "./options.ts";
import { modelName, readSource } from "./source.ts";

/** Imported in the engine's process only; it has this file's extension, in the sources and in a build. */
const ENGINE = new URL(`./engine${extname(import.meta.url)}`, import.meta.url).href;

/** Runs GPT-NeoX and GPT-J models with ONNX Runtime on a CPU. */
export const onnx = defineDriver({
  name: "onnx",
  about:
    "Runs GPT-NeoX and GPT-J checkpoints (Dolly v2 and v1) with ONNX Runtime, in a child process for each model: on a CPU.",
  options: onnxOptions,
  paths: ["model"],
  async inspect(options, context) {
    const source = await readSource(options);
    return describeLocal(source, { name: modelName(options.model), path: options.model }, context);
  },
  async load(options, context, signal) {
    const source = await readSource(options);
    const { model } = options;
    const description = describeLocal(source, { name: modelName(model), path: model }, context);
    const prepared = await source.prepare(context, signal);
    const { layers, heads, headSize, hiddenSize, vocabularySize } = source.header.config;
    const slots = options.parallel;
    const shape = { layers, heads, vocabularySize, slots, contextLength: description.contextLength };
    const batchTokens = STEP_TOKENS + slots;
    const engineOptions: OnnxEngineOptions = {
      ...shape,
      modelPath: prepared.path,
      headSize,
      batchTokens,
      threads: options.threads ?? computingThreads(prepared.bytes),
      memory: options.memory_check
        ? { ...shape, hiddenSize, batchTokens, matrixBytes: matrixBytes(source.header.config, source.parts) }
        : null,
    };
    return startLocalModel(
      {
        description,
        fingerprint: prepared.fingerprint,
        tokenizer: new Tokenizer(source.tokenizer, source.vocabularySize),
        endOfText: source.endOfText,
        engine: { module: ENGINE, options: engineOptions },
        ...roomOf(options),
        context,
      },
      signal,
    );
  },
});

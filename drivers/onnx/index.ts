import { defineDriver } from "../../src/core/driver.ts";
import { readCheckpointHeader } from "../local/checkpoint/index.ts";
import { describeLocal } from "../local/description.ts";
import { startLocalModel } from "../local/index.ts";
import { libraryFinding } from "../local/library-finding.ts";
import { roomOf } from "../local/options.ts";
import { Tokenizer } from "../local/tokenizer.ts";
import { findExport } from "./exported/files.ts";
import { DEFAULT_BLOCK, precisionOf } from "./graph/precision.ts";
import { modelNeed } from "./memory.ts";
import { onnxOptions } from "./options.ts";
import { findLibrary } from "./runtime/library.ts";
import { modelName, readSource } from "./source.ts";

/** Runs GPT-NeoX and GPT-J models with ONNX Runtime on a CPU. */
export const onnx = defineDriver({
  name: "onnx",
  about:
    "Runs GPT-NeoX and GPT-J checkpoints (Dolly v2 and v1), and decoders that Hugging Face Optimum exported, with ONNX Runtime, in a child process for each model: on a CPU.",
  options: onnxOptions,
  paths: ["model"],
  need({ type = "f16", block = DEFAULT_BLOCK, parallel: slots }, { shape }) {
    return modelNeed(shape, precisionOf(type, block), { type, slots });
  },
  async model({ model }) {
    const exported = await findExport(model);
    return { shape: (await readCheckpointHeader(exported?.folder ?? model)).config };
  },
  diagnose: () => [libraryFinding("ONNX Runtime", () => findLibrary(process).path)],
  async inspect(options, context) {
    const source = await readSource(options);
    return describeLocal(source, { name: modelName(options.model), path: options.model }, context);
  },
  async load(options, context, signal) {
    const source = await readSource(options);
    const { model } = options;
    const description = describeLocal(source, { name: modelName(model), path: model }, context);
    const prepared = await source.prepare(context, signal);
    const { parallel: slots, threads, memory_check: memoryCheck } = options;
    const { contextLength } = description;
    return startLocalModel(
      {
        description,
        fingerprint: prepared.fingerprint,
        tokenizer: new Tokenizer(source.tokenizer, source.vocabularySize),
        endOfText: source.endOfText,
        engine: prepared.engine({ slots, contextLength, threads, memoryCheck }),
        ...roomOf(options),
        context,
      },
      signal,
    );
  },
});

import { createHash } from "node:crypto";
import { extname } from "node:path";
import type { CheckpointHeader } from "../../local/checkpoint/index.ts";
import { hashOptions } from "../../local/checkpoint-hash.ts";
import { computingThreads } from "../../local/threads.ts";
import { ORT_RELEASE } from "../runtime/library.ts";
import type { GraphSource } from "../source.ts";
import type { ExportedEngineOptions } from "./engine-options.ts";
import type { ExportPlace } from "./files.ts";
import { exportedBytes } from "./memory.ts";
import { readExport } from "./source.ts";

/** Imported in the engine's process only; it has this file's extension, in the sources and in a build. */
const ENGINE = new URL(`./engine${extname(import.meta.url)}`, import.meta.url).href;

/** Most tokens of one step: an export gives the logits of each, whether they are wanted or not. */
const STEP_TOKENS = 128;

/** A decoder that Hugging Face Optimum exported. Reads headers only; throws OperatorError that names the file. */
export async function exportedSource(header: CheckpointHeader, place: ExportPlace): Promise<GraphSource> {
  const { config, tokenizer } = header;
  const exported = await readExport(place, config);
  const { first, later, precision, bytes } = exported;
  return {
    precision,
    async prepare(context, signal) {
      const files = await exported.hash(hashOptions(context, signal));
      const fingerprint = createHash("sha256")
        .update(JSON.stringify(["onnx", ORT_RELEASE, files, config, tokenizer.text]))
        .digest("hex")
        .slice(0, 16);
      return {
        fingerprint,
        engine({ slots, contextLength, threads, memoryCheck }) {
          const { layers, heads, headSize, hiddenSize, vocabularySize } = config;
          const batchTokens = STEP_TOKENS + slots;
          const shape = { layers, heads, vocabularySize, slots, contextLength, batchTokens };
          const { cacheType } = first.signature;
          const options: ExportedEngineOptions = {
            ...shape,
            first,
            later,
            headSize,
            threads: threads ?? computingThreads(bytes),
            neededBytes: memoryCheck ? exportedBytes({ ...shape, bytes, cacheType, hiddenSize }) : null,
          };
          return { module: ENGINE, options };
        },
      };
    },
  };
}

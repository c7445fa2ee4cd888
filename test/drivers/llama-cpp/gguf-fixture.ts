import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertToGguf } from "../../../drivers/llama-cpp/convert.ts";
import engineModule from "../../../drivers/llama-cpp/engine.ts";
import type { LlamaEngineOptions } from "../../../drivers/llama-cpp/engine-options.ts";
import type { Engine } from "../../../drivers/local/engine.ts";

const folder = mkdtempSync(join(tmpdir(), "gguf-"));

/** Removes what this file made. */
export const removeFixtures = (): void => rmSync(folder, { recursive: true, force: true });

export const fixturePath = (name: string): string => join(folder, name);

/** Converts a checkpoint folder and gives the GGUF file's path. */
export async function convertedCheckpoint(
  source: string,
  name: string,
  type: "f32" | "f16" = "f32",
): Promise<string> {
  const output = fixturePath(`${name}-${type}.gguf`);
  await convertToGguf({ source, type, output });
  return output;
}

export function loadEngine(modelPath: string, options: Partial<LlamaEngineOptions> = {}): Promise<Engine> {
  const all: LlamaEngineOptions = {
    modelPath,
    contextLength: 512,
    slots: 4,
    batchTokens: 512,
    // Tests run beside each other, and threads of llama.cpp wait for each other by spinning.
    threads: 1,
    gpu: "none",
    places: { libraries: undefined, cacheDir: "" },
    gpuLayers: null,
    mainGpu: null,
    tensorSplit: [],
    devices: [],
    kvType: "f32",
    flashAttention: "auto",
    mmap: true,
    metadata: {},
    memory: null,
    ...options,
  };
  return engineModule.load(all, () => {});
}

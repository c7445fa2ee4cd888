import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "../../../drivers/local/checkpoint/index.ts";
import type { Engine } from "../../../drivers/local/engine.ts";
import { convertToOnnx } from "../../../drivers/onnx/convert.ts";
import engineModule from "../../../drivers/onnx/engine.ts";
import type { OnnxEngineOptions } from "../../../drivers/onnx/engine-options.ts";
import type { Block, OnnxType, Provider } from "../../../drivers/onnx/graph/precision.ts";
import { MODEL_FILE } from "../../../drivers/onnx/manifest.ts";

const root = mkdtempSync(join(tmpdir(), "onnx-"));

/** Removes what this file made. */
export const removeFixtures = (): void => rmSync(root, { recursive: true, force: true });

export const fixturePath = (name: string): string => join(root, name);

/** Converts a checkpoint and gives the folder. */
export async function convertedCheckpoint(
  source: string,
  name: string,
  {
    type = "f32",
    block = 32,
    provider = "cpu",
  }: { type?: OnnxType; block?: Block; provider?: Provider } = {},
): Promise<string> {
  const folder = fixturePath(`${name}-${type}-${block}-${provider}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  await convertToOnnx({ source, type, block, provider, folder });
  return folder;
}

/** The engine on a folder that was converted from `source`. */
export async function loadEngine(
  folder: string,
  source: string,
  options: Partial<OnnxEngineOptions> = {},
): Promise<Engine> {
  const checkpoint = await openCheckpoint(source);
  await checkpoint.close();
  const { layers, heads, headSize, vocabularySize } = checkpoint.config;
  const all: OnnxEngineOptions = {
    modelPath: join(folder, MODEL_FILE),
    layers,
    heads,
    headSize,
    vocabularySize,
    contextLength: 512,
    slots: 4,
    batchTokens: 512,
    threads: 1,
    compute: "f32",
    cuda: null,
    memory: null,
    ...options,
  };
  return engineModule.load(all, () => {});
}

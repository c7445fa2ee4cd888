import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { convertToGguf } from "../drivers/llama-cpp/convert.ts";
import { tokenizerJsonSchema } from "../drivers/local/tokenizer-json.ts";
import { checkout } from "./server.ts";
import { SYNTHETIC_3B_SHAPE, SYNTHETIC_SHAPE, writeSyntheticCheckpoint } from "./synthetic-model.ts";

export const MODEL_TYPES = ["f32", "f16", "bf16", "q8_0", "q4_0"] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

/** Models that the bench can make, by the name before the last hyphen of `tiny-f16`. */
export const MODEL_NAMES = ["tiny", "synthetic", "synthetic3b"] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

export interface BenchCheckpoint {
  /** Such as `synthetic-q8_0`. */
  readonly name: string;
  /** Folder of the checkpoint. */
  readonly checkpoint: string;
  /** Ids that would end an answer, or that a server might take for more than text. */
  readonly controlTokens: readonly number[];
  /** Ordinary ids, from which prompts are made: below this, and not the first few, which are control tokens. */
  readonly vocabularySize: number;
  /** Most tokens of prompt and answer together. */
  readonly contextLength: number;
}

/** With a file that llama.cpp serves. */
export interface BenchModel extends BenchCheckpoint {
  readonly gguf: string;
}

const SEED = 20230412;

const configSchema = z.object({ max_position_embeddings: z.int() });

/** A checkpoint, made in `folder` unless it is there already. */
export async function benchCheckpoint(folder: string, name: ModelName): Promise<BenchCheckpoint> {
  await mkdir(folder, { recursive: true });
  const source = name === "tiny" ? join(checkout, "models", "dolly-v2-tiny") : await synthetic(folder, name);
  const config = JSON.parse(await readFile(join(source, "config.json"), "utf8"));
  const contextLength = configSchema.parse(config).max_position_embeddings;
  return { name, checkpoint: source, contextLength, ...(await tokensOf(source)) };
}

/** A checkpoint converted by this project's own converter, in `folder`; what is there already is kept. */
export async function benchModel(folder: string, name: ModelName, type: ModelType): Promise<BenchModel> {
  const model = await benchCheckpoint(folder, name);
  const gguf = join(folder, `${name}-${type}.gguf`);
  if (!existsSync(gguf)) {
    console.error(`converting ${basename(model.checkpoint)} to ${type}`);
    await convertToGguf({ source: model.checkpoint, type, output: gguf });
  }
  return { ...model, name: `${name}-${type}`, gguf };
}

const SHAPES = { synthetic: SYNTHETIC_SHAPE, synthetic3b: SYNTHETIC_3B_SHAPE };

async function synthetic(folder: string, name: keyof typeof SHAPES): Promise<string> {
  const checkpoint = join(folder, name);
  if (!existsSync(checkpoint)) {
    console.error(`making ${name}`);
    const unfinished = `${checkpoint}.unfinished`;
    const tokenizerFolder = join(checkout, "tokenizers", "dolly-v2");
    await writeSyntheticCheckpoint(unfinished, SHAPES[name], { seed: SEED, tokenizerFolder });
    await rename(unfinished, checkpoint);
  }
  return checkpoint;
}

async function tokensOf(
  checkpoint: string,
): Promise<Pick<BenchCheckpoint, "controlTokens" | "vocabularySize">> {
  const tokenizer = tokenizerJsonSchema.parse(
    JSON.parse(await readFile(join(checkpoint, "tokenizer.json"), "utf8")),
  );
  const controls = new Set(tokenizer.added_tokens.map(({ id }) => id));
  const words = Object.values(tokenizer.model.vocab).filter((id) => !controls.has(id));
  return { controlTokens: [...controls], vocabularySize: Math.max(...words) + 1 };
}

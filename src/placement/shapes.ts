import type { ModelShape } from "../core/need.ts";

interface KnownModel {
  /** On the Hugging Face Hub. */
  readonly repository: string;
  readonly shape: ModelShape;
}

const neox = (
  repository: string,
  layers: number,
  hiddenSize: number,
  heads: number,
  vocabularySize: number,
): KnownModel => ({
  repository,
  shape: {
    architecture: "gpt_neox",
    layers,
    hiddenSize,
    heads,
    intermediateSize: 4 * hiddenSize,
    vocabularySize,
    contextLength: 2048,
  },
});

const gptj = (repository: string): KnownModel => ({
  repository,
  shape: {
    architecture: "gptj",
    layers: 28,
    hiddenSize: 4096,
    heads: 16,
    intermediateSize: 16_384,
    vocabularySize: 50_400,
    contextLength: 2048,
  },
});

/** The models of the model card's benchmark, by their names; sizes from their config.json. */
export const KNOWN_MODELS: Readonly<Record<string, KnownModel>> = {
  "dolly-v2-3b": neox("databricks/dolly-v2-3b", 32, 2560, 32, 50_280),
  "dolly-v2-7b": neox("databricks/dolly-v2-7b", 32, 4096, 32, 50_280),
  "dolly-v2-12b": neox("databricks/dolly-v2-12b", 36, 5120, 40, 50_280),
  "dolly-v1-6b": gptj("databricks/dolly-v1-6b"),
  "pythia-2.8b": neox("EleutherAI/pythia-2.8b", 32, 2560, 32, 50_304),
  "pythia-6.9b": neox("EleutherAI/pythia-6.9b", 32, 4096, 32, 50_432),
  "pythia-12b": neox("EleutherAI/pythia-12b", 36, 5120, 40, 50_688),
  "gpt-neox-20b": neox("EleutherAI/gpt-neox-20b", 44, 6144, 64, 50_432),
  "gpt-j-6b": gptj("EleutherAI/gpt-j-6b"),
};

/** The model that a name, a path's end or a repository means. */
export function knownModel(name: string): KnownModel | undefined {
  const base = name.split("@")[0]?.split("/").at(-1)?.toLowerCase() ?? "";
  return KNOWN_MODELS[base];
}

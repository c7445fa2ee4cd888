import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const checkout = dirname(here);

/** The committed references, and the fuller set in a folder beside the checkout where there is one. */
const roots = [
  join(here, "golden"),
  ...readdirSync(dirname(checkout), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(dirname(checkout), entry.name, "golden"))
    .filter((folder) => existsSync(join(folder, "checkpoints"))),
];

/** Whether the fuller set of references is present. */
export const hasFullGolden = roots.length > 1;

export const embeddedModel = join(checkout, "models", "dolly-v2-tiny");
export const tokenizerFolder = (name: "dolly-v2" | "gpt-neox-20b"): string =>
  name === "dolly-v2" ? join(checkout, "tokenizers", name) : join(here, "fixtures", "tokenizers", name);

/** Parsed JSON of a committed reference; the caller knows its shape. */
export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(join(here, "golden", name), "utf8"));
}

export interface GoldenCase {
  readonly prompt: number[];
  readonly prompt_logprobs: (number | null)[];
  readonly prompt_top3: ([id: number, logprob: number][] | null)[];
  readonly greedy: number[];
  readonly greedy_top5: [id: number, logprob: number][][];
}

export interface GoldenCheckpoint {
  readonly name: string;
  readonly folder: string;
  readonly context: number;
  readonly cases: GoldenCase[];
}

/** Every golden checkpoint at hand whose name starts with `prefix`, each once. */
export function goldenCheckpoints(prefix = ""): GoldenCheckpoint[] {
  const found = new Map<string, string>();
  for (const root of roots) {
    for (const name of readdirSync(join(root, "checkpoints"))) {
      if (name.startsWith(prefix) && !found.has(name)) found.set(name, join(root, "checkpoints", name));
    }
  }
  return [...found].map(([name, folder]) => {
    const data: { context: number; cases: GoldenCase[] } = JSON.parse(
      readFileSync(join(folder, "golden.json"), "utf8"),
    );
    return { name, folder, context: data.context, cases: data.cases };
  });
}

/** A tiny model as Hugging Face Optimum exported it; `half` lies in a folder `onnx` below its configuration. */
export const exportedModel = (layout: "single" | "split" | "merged" | "half"): string =>
  join(here, "fixtures", "optimum", layout);

/** What transformers computes with it. */
export const goldenExport = (): { context: number; cases: GoldenCase[] } =>
  JSON.parse(readFileSync(join(here, "fixtures", "optimum", "golden.json"), "utf8"));

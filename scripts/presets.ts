import { stringify } from "yaml";
import { llamaCpp } from "../drivers/llama-cpp/index.ts";
import { onnx } from "../drivers/onnx/index.ts";
import { neededBytes } from "../src/core/need.ts";
import { KNOWN_MODELS } from "../src/placement/shapes.ts";

/** What the thresholds of a preset are computed for: slots, and a machine with a GPU. */
const SLOTS = 4;
const WITH_GPU = {
  providers: ["cuda", "onnx-cuda"],
  gpus: [{ vendor: "nvidia", name: "", memory: 0, freeMemory: 0, computeCapability: null }],
} as const;
/** The system and other programs need some of a machine's memory. */
const SPARE_MEMORY = 1.5e9;

const gigabytes = (bytes: number): string => `${Math.ceil(bytes / 1e9)}GB`;

interface Choice {
  readonly driver: typeof llamaCpp | typeof onnx;
  readonly options: Readonly<Record<string, unknown>>;
  /** The build for a GPU that it needs. */
  readonly build?: "cuda" | "onnx-cuda";
}

const gpu = (type: string): Choice => ({
  driver: llamaCpp,
  options: { type, gpu: "cuda" },
  build: "cuda",
});
/** llama.cpp has no GPT-J. */
const gptjGpu = (type: string): Choice => ({
  driver: onnx,
  options: { type, provider: "cuda" },
  build: "onnx-cuda",
});
const choices: readonly Choice[] = [
  // 16 bits before 8 before 4; float16, which every NVIDIA GPU since V100 and T4 computes with (they have no bfloat16).
  gpu("f16"),
  gpu("q8_0"),
  gpu("q4_0"),
  { driver: onnx, options: { type: "int4" } },
  { driver: llamaCpp, options: { type: "q4_0", gpu: "none" } },
];
const gptjChoices: readonly Choice[] = [
  gptjGpu("f16"),
  gptjGpu("q8"),
  gptjGpu("int4"),
  ...choices.filter(({ driver }) => driver === onnx),
];

/** A config for each model of the card's benchmark, which chooses by what the machine has. */
export function presets(): { readonly path: string; readonly text: string }[] {
  return Object.entries(KNOWN_MODELS).map(([name, { repository, shape }]) => {
    const offered = shape.architecture === "gptj" ? gptjChoices : choices;
    const placements = offered.flatMap(({ driver, options, build }) => {
      const all = { model: repository, ...options, parallel: SLOTS };
      const need = driver.plan(all).need({ shape }, build ? WITH_GPU : { gpus: [], providers: [] });
      if (need === undefined || typeof need === "string") return [];
      const when = build
        ? {
            gpu_vendor: "nvidia",
            // Of the GPUs below, none is known to ONNX Runtime's build.
            ...(build === "onnx-cuda" ? { compute_capability: 7.5 } : {}),
            gpu_memory: gigabytes(neededBytes(need)),
            provider: build,
          }
        : { memory: gigabytes(neededBytes(need) + SPARE_MEMORY) };
      return [{ driver: driver.name, when, ...all }];
    });
    const head = [
      "# yaml-language-server: $schema=../dolly.schema.json",
      "# Made by `npm run generate`: the sizes are what `dolly plan` computes for four full slots. `dolly plan --model",
      `# ${name}\` says what this machine would use; docs/placement.md explains it.`,
      ...(shape.architecture === "gptj"
        ? [
            "# llama.cpp has no GPT-J. The placements on ONNX Runtime's CUDA have not been run on a GPU yet; vLLM behind the driver",
            "# `openai` is another way to one (docs/upstreams.md).",
          ]
        : []),
    ];
    const template = /^dolly-v\d/.exec(name)?.[0] ?? "plain";
    const config = { version: 1, models: { [name]: { aliases: [repository], template, placements } } };
    return {
      path: `config/presets/${name}.yaml`,
      text: `${head.join("\n")}\n${stringify(config, { lineWidth: 0 })}`,
    };
  });
}

import type { GpuFacts } from "../../src/core/machine.ts";
import type { LlamaCppOptions } from "./options.ts";

type GpuOptions = Pick<LlamaCppOptions, "gpu" | "gpu_layers" | "main_gpu" | "tensor_split" | "devices">;

export interface PlannedGpus {
  /** Their places in the machine's list; none: a CPU computes. */
  readonly places: readonly number[];
  /** Shares of the model, in the order of the places; undefined: by their free memory. */
  readonly split: readonly number[] | undefined;
}

const ON_CPU: PlannedGpus = { places: [], split: undefined };

/**
 * The GPUs that llama.cpp would use, by what is installed and what the options say; a sentence where that cannot be. It numbers them
 * as they are listed, which holds for GPUs of one kind.
 */
export function plannedGpus(
  options: GpuOptions,
  gpus: readonly GpuFacts[],
  providers: readonly string[],
): PlannedGpus | string {
  const { gpu, gpu_layers: layers, main_gpu: main, tensor_split: split, devices } = options;
  // `auto` takes them in this order (library.ts).
  const build = gpu === "auto" ? ["metal", "cuda", "vulkan"].find((one) => providers.includes(one)) : gpu;
  if (build === undefined || build === "none" || layers === 0) return ON_CPU;
  if (!providers.includes(build)) {
    return `the ${build} build of llama.cpp is not installed${build === "cuda" ? ": dolly install cuda" : ""}`;
  }
  const usable = gpus.flatMap(({ vendor }, place) =>
    build === "cuda" && vendor !== "nvidia" ? [] : [place],
  );
  if (main !== undefined) return chosen("main_gpu", [main], usable);
  if (devices !== undefined) {
    // `CUDA0`, `Vulkan1`
    return chosen(
      "devices",
      devices.map((name) => Number(/\d+$/.exec(name)?.[0] ?? 0)),
      usable,
    );
  }
  if (split === undefined) return { places: usable, split };
  if (split.length > usable.length) {
    return `tensor_split has ${split.length} shares, and there are ${usable.length} GPUs`;
  }
  return { places: usable.slice(0, split.length), split };
}

function chosen(option: string, wanted: readonly number[], usable: readonly number[]): PlannedGpus | string {
  const places = wanted.map((number) => usable[number]);
  const known = places.filter((place) => place !== undefined);
  if (known.length === places.length) return { places: known, split: undefined };
  return `${option} names GPU ${Math.max(...wanted)}, counted from 0, and there are ${usable.length}`;
}

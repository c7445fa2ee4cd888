import { arch, platform } from "node:process";
import { defineDriver, type LoadContext } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import { readCheckpointHeader } from "../local/checkpoint/index.ts";
import { describeLocal } from "../local/description.ts";
import { startLocalModel } from "../local/index.ts";
import { cudaFinding, libraryFinding } from "../local/library-finding.ts";
import { roomOf } from "../local/options.ts";
import { Tokenizer } from "../local/tokenizer.ts";
import type { CudaPlace } from "./engine-options.ts";
import { findExport } from "./exported/files.ts";
import { DEFAULT_BLOCK, precisionOf } from "./graph/precision.ts";
import { modelNeed } from "./memory.ts";
import { type OnnxOptions, onnxOptions } from "./options.ts";
import { ONNX_CUDA_PACKAGES } from "./runtime/cuda-packages.ts";
import { capabilityFault } from "./runtime/cuda-provider.ts";
import { findCudaLibrary, findLibrary, hasCudaBuild } from "./runtime/library.ts";
import { modelName, readSource } from "./source.ts";

/** What `when.provider` calls the build that `dolly install cuda` brings. */
const CUDA_BUILD = "onnx-cuda";

/** The GPU that a placement asks for; null for a CPU. Throws OperatorError where a library for it is missing. */
function cudaPlace(options: OnnxOptions, { cacheDir }: LoadContext): CudaPlace | null {
  if (options.provider === "cpu") return null;
  const { cuda_libraries: libraries } = options;
  try {
    return {
      library: findCudaLibrary({ platform, arch }, { libraries, cacheDir }),
      settings: {
        device: options.device_id ?? 0,
        memoryLimit: options.gpu_mem_limit ?? null,
        graphs: options.cuda_graphs ?? false,
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError(`provider: cuda: ${reason}`);
  }
}

/** Runs GPT-NeoX and GPT-J models with ONNX Runtime on a CPU or an NVIDIA GPU. */
export const onnx = defineDriver({
  name: "onnx",
  about:
    "Runs GPT-NeoX and GPT-J checkpoints (Dolly v2 and v1), and decoders that Hugging Face Optimum exported, with ONNX Runtime, in a child process for each model: on a CPU, or with CUDA on a GPU.",
  options: onnxOptions,
  paths: ["model", "cuda_libraries"],
  need(options, { shape }, { gpus, providers }) {
    const { type = "f16", block = DEFAULT_BLOCK, parallel: slots, provider } = options;
    const precision = precisionOf(type, block, provider);
    const need = modelNeed(shape, precision, { type, slots, provider });
    if (provider === "cpu") return need;
    const known = options.cuda_libraries !== undefined || providers.includes(CUDA_BUILD);
    if (!known) return "ONNX Runtime for CUDA is not installed: dolly install cuda";
    const { device_id: device = 0 } = options;
    const usable = gpus.flatMap(({ vendor }, place) => (vendor === "nvidia" ? [place] : []));
    const place = usable[device];
    if (place === undefined)
      return `device_id names GPU ${device}, counted from 0, and there are ${usable.length}`;
    const capability = gpus[place]?.computeCapability ?? null;
    const fault = capability === null ? undefined : capabilityFault(capability, precision.compute);
    return fault ?? { ...need, gpus: [place] };
  },
  async model({ model }) {
    const exported = await findExport(model);
    return { shape: (await readCheckpointHeader(exported?.folder ?? model)).config };
  },
  nativePackages: ONNX_CUDA_PACKAGES,
  providers: (cacheDir) => (hasCudaBuild(process, cacheDir) ? [CUDA_BUILD] : []),
  diagnose({ gpus }, cacheDir) {
    const found = [libraryFinding("ONNX Runtime", () => findLibrary(process).path)];
    const wanted = gpus.some(({ vendor }) => vendor === "nvidia") || hasCudaBuild(process, cacheDir);
    if (!wanted) return found;
    const places = { libraries: undefined, cacheDir };
    return [...found, cudaFinding("ONNX Runtime", () => findCudaLibrary(process, places).path)];
  },
  async inspect(options, context) {
    const source = await readSource(options);
    cudaPlace(options, context);
    return describeLocal(source, { name: modelName(options.model), path: options.model }, context);
  },
  async load(options, context, signal) {
    const source = await readSource(options);
    const cuda = cudaPlace(options, context);
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
        engine: prepared.engine({ slots, contextLength, threads, memoryCheck, cuda }),
        ...roomOf(options),
        context,
      },
      signal,
    );
  },
});

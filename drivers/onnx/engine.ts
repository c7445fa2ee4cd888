import { arch, platform } from "node:process";
import { gigabytes } from "../../src/core/gigabytes.ts";
import { MAKE_IT_FIT } from "../../src/core/need.ts";
import type { EngineModule } from "../local/engine.ts";
import { preload } from "../local/preload.ts";
import { requireMemory } from "../local/require-memory.ts";
import { warmUp } from "../local/warm-up.ts";
import { DecodeGraphs } from "./decode-graph.ts";
import type { CudaPlace, OnnxEngineOptions } from "./engine-options.ts";
import { gpuMemory, mainMemory } from "./kv-memory.ts";
import { gpuArenaBytes, neededBytes, neededGpuBytes } from "./memory.ts";
import { capabilityFault } from "./runtime/cuda-provider.ts";
import { CudaDevice } from "./runtime/cudart.ts";
import { findLibrary } from "./runtime/library.ts";
import { OrtSession } from "./runtime/session.ts";
import { SessionEngine } from "./session-engine.ts";

/** The engine process imports this module; nothing else may, for it brings native code. */
const engine: EngineModule<OnnxEngineOptions> = {
  async load(options) {
    if (options.cuda === null) return warmedUp(await onCpu(options));
    // A pass of the largest size, so that later ones find what they compute in: ONNX Runtime gives no memory of a GPU back.
    return warmedUp(await onGpu(options, options.cuda), Math.min(options.contextLength, options.batchTokens));
  },
};
export default engine;

async function warmedUp(engine: SessionEngine, tokens?: number): Promise<SessionEngine> {
  await warmUp(engine, tokens);
  return engine;
}

async function onCpu(options: OnnxEngineOptions): Promise<SessionEngine> {
  const { modelPath, threads, memory, compute } = options;
  if (memory !== null) requireMemory(neededBytes(memory));
  const session = await OrtSession.load(findLibrary({ platform, arch }), { model: modelPath, threads });
  return new SessionEngine(session, options, { memory: mainMemory(compute), device: "CPU" });
}

async function onGpu(options: OnnxEngineOptions, { library, settings }: CudaPlace): Promise<SessionEngine> {
  const { modelPath, threads, memory, compute } = options;
  preload(library.preload);
  const gpu = new CudaDevice(library.cudart, settings.device);
  const fault = capabilityFault(gpu.capability(), compute);
  if (fault !== undefined) throw new Error(`device_id ${settings.device}: ${fault}`);
  if (memory !== null) {
    requireLimit(gpuArenaBytes(memory), settings.memoryLimit);
    requireGpuMemory(neededGpuBytes(memory), gpu.memory().free);
  }
  const session = await OrtSession.load(library, { model: modelPath, threads, cuda: settings });
  return new SessionEngine(session, options, {
    memory: gpuMemory(gpu, compute),
    device: `GPU ${settings.device}`,
    ...(settings.graphs ? { graphs: new DecodeGraphs(gpu, session, options) } : {}),
  });
}

function requireLimit(needed: number, limit: number | null): void {
  if (limit === null || needed <= limit) return;
  throw new Error(
    `weights and what is computed in take about ${gigabytes(needed)} and gpu_mem_limit is ${gigabytes(limit)}; ` +
      "raise or remove it, take a smaller type, or set memory_check: false",
  );
}

function requireGpuMemory(needed: number, free: number): void {
  if (needed <= free) return;
  throw new Error(
    `the model needs about ${gigabytes(needed)} of the GPU's memory and ${gigabytes(free)} are free; ${MAKE_IT_FIT}`,
  );
}

import { arch, platform } from "node:process";
import koffi from "koffi";
import type { Engine, EngineModule } from "../local/engine.ts";
import { callAsync } from "../local/native-call.ts";
import { requireMemory } from "../local/require-memory.ts";
import { warmUp } from "../local/warm-up.ts";
import { attention } from "./attention.ts";
import { LlamaContext } from "./context.ts";
import type { LlamaEngineOptions } from "./engine-options.ts";
import { type Pointer, progressCallback } from "./layout.ts";
import { findLibraries } from "./library.ts";
import {
  type Device,
  type Llama,
  loadBackends,
  type NativeCallbacks,
  openCallbacks,
  openLlama,
} from "./llama.ts";
import { LoadLog } from "./load-log.ts";
import { blocksOnCpu, neededBytes } from "./memory.ts";
import { Arena, contextParams, modelParams } from "./model-params.ts";
import { attachThreadPool } from "./thread-pool.ts";

/** llama.cpp in this process, ready to load models. */
interface Runtime {
  readonly llama: Llama;
  readonly callbacks: NativeCallbacks;
  readonly devices: readonly Device[];
}

const runtimes = new Map<string, Runtime>();

/** Opens a build of llama.cpp the first time that it is asked for. */
function openRuntime({ gpu, places }: LlamaEngineOptions, log: LoadLog): Runtime {
  const libraries = findLibraries(gpu, { platform, arch }, places);
  const opened = runtimes.get(libraries.llama);
  if (opened !== undefined) {
    opened.llama.llama_log_set(log.callback, null);
    return opened;
  }
  const llama = openLlama(libraries);
  llama.llama_log_set(log.callback, null);
  const runtime = { llama, callbacks: openCallbacks(platform), devices: loadBackends(llama, libraries) };
  runtimes.set(libraries.llama, runtime);
  return runtime;
}

/** The engine process imports this module; nothing else may, for it brings native code. */
const engine: EngineModule<LlamaEngineOptions> = {
  async load(options, onProgress) {
    const log = new LoadLog();
    let runtime: Runtime | undefined;
    try {
      runtime = openRuntime(options, log);
      return await loadEngine(runtime, options, { log, onProgress });
    } finally {
      runtime?.llama.llama_log_set(runtime.callbacks.silence, null);
      log.release();
    }
  },
};
export default engine;

interface LoadReport {
  readonly log: LoadLog;
  readonly onProgress: (fraction: number) => void;
}

async function loadEngine(
  runtime: Runtime,
  options: LlamaEngineOptions,
  report: LoadReport,
): Promise<Engine> {
  const { llama, callbacks, devices } = runtime;
  const onGpu = usedGpus(devices, options).length > 0;
  checkMemory(options, onGpu);
  const model = await loadModel(runtime, options, report);
  const headSize = llama.llama_model_n_embd(model) / llama.llama_model_n_head(model);
  const flashAttention = attention(options.flashAttention, { onGpu, headSize });
  const context = await LlamaContext.create(llama, model, {
    params: contextParams(llama.llama_context_default_params(), { ...options, flashAttention }, onGpu),
    callbacks,
    info: {
      vocabularySize: llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model)),
      contextLength: options.contextLength,
      slots: options.slots,
      batchTokens: options.batchTokens,
      device: describeDevices(devices, options),
    },
  });
  if (context !== undefined) {
    attachThreadPool(llama, context.native, devices, options.threads);
    await warmUp(context);
    return context;
  }
  llama.llama_model_free(model);
  throw new Error(
    `llama.cpp cannot make a context of ${options.slots} slots with ${options.contextLength} tokens each: ${report.log.reasons}`,
  );
}

function checkMemory({ memory, gpuLayers }: LlamaEngineOptions, onGpu: boolean): void {
  if (memory === null) return;
  const { layers } = memory;
  requireMemory(neededBytes(memory, onGpu ? blocksOnCpu(layers, gpuLayers ?? undefined) : layers));
}

async function loadModel(
  { llama, devices }: Runtime,
  options: LlamaEngineOptions,
  { log, onProgress }: LoadReport,
): Promise<Pointer> {
  const arena = new Arena();
  const progress = koffi.register((fraction: number) => {
    onProgress(fraction);
    return true;
  }, koffi.pointer(progressCallback));
  try {
    const params = modelParams(llama.llama_model_default_params(), options, {
      devices,
      maxDevices: llama.llama_max_devices(),
      arena,
    });
    const model = await callAsync(llama.llama_model_load_from_file, options.modelPath, {
      ...params,
      progress_callback: progress,
    });
    if (model === null) throw new Error(`llama.cpp cannot load ${options.modelPath}: ${log.reasons}`);
    return model;
  } finally {
    koffi.unregister(progress);
    arena.free();
  }
}

function usedGpus(devices: readonly Device[], options: LlamaEngineOptions): Device[] {
  const gpus = options.gpu === "none" || options.gpuLayers === 0 ? [] : devices.filter(({ gpu }) => gpu);
  return gpus.filter(
    ({ name }, index) =>
      (options.devices.length === 0 || options.devices.includes(name)) &&
      (options.mainGpu === null || options.mainGpu === index),
  );
}

function describeDevices(devices: readonly Device[], options: LlamaEngineOptions): string {
  const used = usedGpus(devices, options);
  const shown = used.length > 0 ? used : devices.filter(({ name }) => name === "CPU");
  return shown.map(({ name, description }) => `${name}: ${description}`).join(", ");
}

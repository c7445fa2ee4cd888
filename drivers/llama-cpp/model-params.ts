import koffi from "koffi";
import type { LlamaEngineOptions } from "./engine-options.ts";
import {
  type ContextParams,
  FLASH_ATTENTION,
  GGML_TYPE,
  KV_OVERRIDE,
  KV_OVERRIDE_TAG,
  LOAD_MODE,
  type ModelParams,
  type Pointer,
  SPLIT_MODE,
} from "./layout.ts";
import type { Device } from "./llama.ts";
import { CPU_PASS_TOKENS } from "./memory.ts";

/** llama.cpp allots the KV cache in blocks of so many tokens. */
const CELL_BLOCK = 256;

/** Native memory that parameters point into, freed together once the call that reads them has returned. */
export class Arena {
  readonly #blocks: unknown[] = [];

  /** Zeroed memory. */
  allocate(size: number): { address: bigint; view: DataView<ArrayBuffer> } {
    const block: unknown = koffi.alloc("uint8_t", size);
    this.#blocks.push(block);
    const memory = koffi.view(block, size);
    new Uint8Array(memory).fill(0);
    return { address: koffi.address(block), view: new DataView(memory) };
  }

  free(): void {
    for (const block of this.#blocks.splice(0)) koffi.free(block);
  }
}

/** Throws where the options name a GPU that is not there. */
export function modelParams(
  defaults: ModelParams,
  options: LlamaEngineOptions,
  { devices, maxDevices, arena }: { devices: readonly Device[]; maxDevices: number; arena: Arena },
): ModelParams {
  checkGpuOptions(options, devices);
  return {
    ...defaults,
    devices: devicePointers(options, devices, arena),
    n_gpu_layers: options.gpuLayers ?? defaults.n_gpu_layers,
    split_mode: options.mainGpu === null ? SPLIT_MODE.layer : SPLIT_MODE.none,
    main_gpu: options.mainGpu ?? 0,
    tensor_split: tensorSplit(options.tensorSplit, maxDevices, arena),
    load_mode: options.mmap ? LOAD_MODE.mmap : LOAD_MODE.read,
    kv_overrides: kvOverrides(options.metadata, arena),
  };
}

export function contextParams(
  defaults: ContextParams,
  options: LlamaEngineOptions,
  onGpu: boolean,
): ContextParams {
  const { contextLength, slots, batchTokens, threads, flashAttention, kvType } = options;
  return {
    ...defaults,
    n_ctx: Math.ceil(contextLength / CELL_BLOCK) * CELL_BLOCK * slots,
    n_batch: batchTokens,
    n_ubatch: onGpu ? batchTokens : Math.min(batchTokens, CPU_PASS_TOKENS),
    n_seq_max: slots,
    n_threads: threads,
    n_threads_batch: threads,
    flash_attn_type: FLASH_ATTENTION[flashAttention],
    type_k: GGML_TYPE[kvType],
    type_v: GGML_TYPE[kvType],
    no_perf: true,
    // A cache for each slot, so that a step costs what its own sequences hold: docs/decisions/0003-a-kv-cache-for-each-slot.md
    kv_unified: false,
  };
}

function checkGpuOptions(options: LlamaEngineOptions, devices: readonly Device[]): void {
  const gpus = devices.filter(({ gpu }) => gpu);
  const given = [
    options.gpuLayers !== null && options.gpuLayers > 0 ? "gpu_layers" : undefined,
    options.mainGpu === null ? undefined : "main_gpu",
    options.tensorSplit.length > 0 ? "tensor_split" : undefined,
    options.devices.length > 0 ? "devices" : undefined,
  ].find((name) => name !== undefined);
  if (gpus.length === 0 || options.gpu === "none") {
    if (options.gpu !== "auto" && options.gpu !== "none") {
      throw new Error(
        `gpu: ${options.gpu} was asked for, and llama.cpp finds no such GPU. Check its driver and run-time libraries, or set gpu: none.`,
      );
    }
    if (given !== undefined) {
      throw new Error(`${given} is set, and there is no GPU to use. Remove it, or install a GPU build.`);
    }
  }
  if (options.mainGpu !== null && options.mainGpu >= gpus.length) {
    throw new Error(`main_gpu is ${options.mainGpu}, and there are ${gpus.length} GPUs, counted from 0.`);
  }
  if (options.tensorSplit.length > gpus.length) {
    throw new Error(`tensor_split has ${options.tensorSplit.length} shares for ${gpus.length} GPUs.`);
  }
  const unknown = options.devices.find((name) => !gpus.some((gpu) => gpu.name === name));
  if (unknown !== undefined) {
    const names = gpus.map(({ name }) => name).join(", ");
    throw new Error(`devices: ${unknown} is no GPU of this machine; there are: ${names}.`);
  }
}

/** A list that ends with NULL; an empty one keeps llama.cpp from taking a GPU; no list: all GPUs. */
function devicePointers(options: LlamaEngineOptions, devices: readonly Device[], arena: Arena): Pointer {
  if (options.gpu !== "none" && options.devices.length === 0) return null;
  const chosen = options.gpu === "none" ? [] : options.devices;
  const { address, view } = arena.allocate(8 * (chosen.length + 1));
  for (const [index, name] of chosen.entries()) {
    const pointer = devices.find((device) => device.name === name)?.pointer ?? 0n;
    view.setBigUint64(8 * index, pointer, true);
  }
  return address;
}

function tensorSplit(shares: readonly number[], maxDevices: number, arena: Arena): Pointer {
  if (shares.length === 0) return null;
  const { address, view } = arena.allocate(4 * Math.max(maxDevices, shares.length));
  for (const [index, share] of shares.entries()) view.setFloat32(4 * index, share, true);
  return address;
}

/** A list of `llama_model_kv_override` that ends with an empty key. */
function kvOverrides(metadata: Readonly<Record<string, string | number>>, arena: Arena): Pointer {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return null;
  const { address, view } = arena.allocate(KV_OVERRIDE.size * (entries.length + 1));
  const bytes = new Uint8Array(view.buffer);
  const encoder = new TextEncoder();
  for (const [index, [key, value]] of entries.entries()) {
    const at = index * KV_OVERRIDE.size;
    encoder.encodeInto(
      key,
      bytes.subarray(at + KV_OVERRIDE.key, at + KV_OVERRIDE.key + KV_OVERRIDE.keyLength - 1),
    );
    if (typeof value === "number") {
      view.setInt32(at, KV_OVERRIDE_TAG.integer, true);
      view.setBigInt64(at + KV_OVERRIDE.value, BigInt(value), true);
    } else {
      view.setInt32(at, KV_OVERRIDE_TAG.string, true);
      const end = at + KV_OVERRIDE.value + KV_OVERRIDE.valueLength - 1;
      encoder.encodeInto(value, bytes.subarray(at + KV_OVERRIDE.value, end));
    }
  }
  return address;
}

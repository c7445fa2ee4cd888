import { readdirSync } from "node:fs";
import { join } from "node:path";
import koffi, { type KoffiFunc, type LibraryHandle } from "koffi";
import { preload } from "../local/preload.ts";
import {
  type ContextParams,
  GPU_DEVICE_TYPES,
  type ModelParams,
  type NativeBatch,
  type Pointer,
} from "./layout.ts";
import type { LibraryFolder } from "./library.ts";
import { checkLibrary } from "./start-check.ts";

/** The functions of llama.h and ggml-backend.h that this house calls, by their C names. */
export interface Llama {
  readonly llama_version: KoffiFunc<() => string>;
  readonly llama_model_default_params: KoffiFunc<() => ModelParams>;
  readonly llama_context_default_params: KoffiFunc<() => ContextParams>;
  readonly llama_backend_init: KoffiFunc<() => void>;
  readonly llama_log_set: KoffiFunc<(callback: Pointer, data: Pointer) => void>;
  readonly llama_max_devices: KoffiFunc<() => number>;
  readonly llama_model_load_from_file: KoffiFunc<(path: string, params: ModelParams) => Pointer>;
  readonly llama_model_free: KoffiFunc<(model: Pointer) => void>;
  readonly llama_model_get_vocab: KoffiFunc<(model: Pointer) => Pointer>;
  readonly llama_model_n_embd: KoffiFunc<(model: Pointer) => number>;
  readonly llama_model_n_head: KoffiFunc<(model: Pointer) => number>;
  readonly llama_vocab_n_tokens: KoffiFunc<(vocabulary: Pointer) => number>;
  readonly llama_init_from_model: KoffiFunc<(model: Pointer, params: ContextParams) => Pointer>;
  readonly llama_free: KoffiFunc<(context: Pointer) => void>;
  readonly llama_get_memory: KoffiFunc<(context: Pointer) => Pointer>;
  readonly llama_decode: KoffiFunc<(context: Pointer, batch: NativeBatch) => number>;
  readonly llama_get_logits: KoffiFunc<(context: Pointer) => Pointer>;
  readonly llama_memory_seq_rm: KoffiFunc<
    (memory: Pointer, slot: number, from: number, to: number) => boolean
  >;
  readonly llama_memory_seq_cp: KoffiFunc<
    (memory: Pointer, source: number, target: number, from: number, to: number) => void
  >;
  readonly ggml_backend_load_all_from_path: KoffiFunc<(folder: string) => void>;
  readonly ggml_backend_load: KoffiFunc<(path: string) => Pointer>;
  readonly ggml_backend_dev_count: KoffiFunc<() => number>;
  readonly ggml_backend_dev_get: KoffiFunc<(index: number) => Pointer>;
  readonly ggml_backend_dev_name: KoffiFunc<(device: Pointer) => string>;
  readonly ggml_backend_dev_description: KoffiFunc<(device: Pointer) => string>;
  readonly ggml_backend_dev_type: KoffiFunc<(device: Pointer) => number>;
  readonly ggml_backend_dev_backend_reg: KoffiFunc<(device: Pointer) => Pointer>;
  readonly ggml_backend_reg_get_proc_address: KoffiFunc<(registry: Pointer, name: string) => Pointer>;
  readonly ggml_threadpool_params_init: KoffiFunc<(params: Pointer, threads: number) => void>;
  readonly llama_attach_threadpool: KoffiFunc<(context: Pointer, pool: Pointer, batchPool: Pointer) => void>;
}

/** Two functions of the C library that serve as callbacks, so that no JavaScript runs in a computing thread. */
export interface NativeCallbacks {
  /** `abs(level)`: a log callback that does nothing. */
  readonly silence: Pointer;
  /** `strlen(data)`: an abort callback that is true once the first byte of `data` is not zero. */
  readonly isFlagSet: Pointer;
}

export interface Device {
  readonly pointer: Pointer;
  /** Such as `CPU` or `CUDA0`. */
  readonly name: string;
  readonly description: string;
  readonly gpu: boolean;
}

/** koffi closes a library whose handle is collected as garbage; these live as long as the process. */
const handles: LibraryHandle[] = [];

function open(path: string | null): LibraryHandle {
  const handle = koffi.load(path);
  handles.push(handle);
  return handle;
}

/** Opens the libraries and checks that they are the expected release; loads no backend yet. Once a process. */
export function openLlama(libraries: LibraryFolder): Llama {
  preload(libraries.preload);
  // In this order each library finds those that it needs already loaded, whatever the platform's search path.
  const base = open(libraries.ggmlBase);
  const ggml = open(libraries.ggml);
  const llama = bindFunctions(open(libraries.llama), ggml, base);
  const facts = {
    version: llama.llama_version(),
    modelDefaults: llama.llama_model_default_params(),
    contextDefaults: llama.llama_context_default_params(),
  };
  checkLibrary(facts, libraries.llama, libraries.install);
  return llama;
}

function bindFunctions(llama: LibraryHandle, ggml: LibraryHandle, base: LibraryHandle): Llama {
  return {
    llama_version: llama.func("const char *llama_version()"),
    llama_model_default_params: llama.func("llama_model_params llama_model_default_params()"),
    llama_context_default_params: llama.func("llama_context_params llama_context_default_params()"),
    llama_backend_init: llama.func("void llama_backend_init()"),
    llama_log_set: llama.func("void llama_log_set(void *callback, void *data)"),
    llama_max_devices: llama.func("size_t llama_max_devices()"),
    llama_model_load_from_file: llama.func(
      "void *llama_model_load_from_file(const char *path, llama_model_params params)",
    ),
    llama_model_free: llama.func("void llama_model_free(void *model)"),
    llama_model_get_vocab: llama.func("void *llama_model_get_vocab(void *model)"),
    llama_model_n_embd: llama.func("int32_t llama_model_n_embd(void *model)"),
    llama_model_n_head: llama.func("int32_t llama_model_n_head(void *model)"),
    llama_vocab_n_tokens: llama.func("int32_t llama_vocab_n_tokens(void *vocab)"),
    llama_init_from_model: llama.func(
      "void *llama_init_from_model(void *model, llama_context_params params)",
    ),
    llama_free: llama.func("void llama_free(void *context)"),
    llama_get_memory: llama.func("void *llama_get_memory(void *context)"),
    llama_decode: llama.func("int32_t llama_decode(void *context, llama_batch batch)"),
    llama_get_logits: llama.func("void *llama_get_logits(void *context)"),
    llama_memory_seq_rm: llama.func(
      "bool llama_memory_seq_rm(void *memory, int32_t slot, int32_t from, int32_t to)",
    ),
    llama_memory_seq_cp: llama.func(
      "void llama_memory_seq_cp(void *memory, int32_t source, int32_t target, int32_t from, int32_t to)",
    ),
    ggml_backend_load_all_from_path: ggml.func("void ggml_backend_load_all_from_path(const char *folder)"),
    ggml_backend_load: ggml.func("void *ggml_backend_load(const char *path)"),
    ggml_backend_dev_count: ggml.func("size_t ggml_backend_dev_count()"),
    ggml_backend_dev_get: ggml.func("void *ggml_backend_dev_get(size_t index)"),
    ggml_backend_dev_name: base.func("const char *ggml_backend_dev_name(void *device)"),
    ggml_backend_dev_description: base.func("const char *ggml_backend_dev_description(void *device)"),
    ggml_backend_dev_type: base.func("int ggml_backend_dev_type(void *device)"),
    ggml_backend_dev_backend_reg: base.func("void *ggml_backend_dev_backend_reg(void *device)"),
    ggml_backend_reg_get_proc_address: base.func(
      "void *ggml_backend_reg_get_proc_address(void *registry, const char *name)",
    ),
    ggml_threadpool_params_init: base.func("void ggml_threadpool_params_init(void *params, int threads)"),
    llama_attach_threadpool: llama.func(
      "void llama_attach_threadpool(void *context, void *pool, void *batchPool)",
    ),
  };
}

export function openCallbacks(platform: NodeJS.Platform): NativeCallbacks {
  // null: the symbols of the running program, which on Linux and macOS include the C library's.
  const c = open(platform === "win32" ? "ucrtbase.dll" : null);
  return { silence: c.symbol("abs"), isFlagSet: c.symbol("strlen") };
}

/** Loads the build's backends (the CPU's best one among them) and lists what can compute. */
export function loadBackends(llama: Llama, { folder, extension }: LibraryFolder): Device[] {
  llama.llama_backend_init();
  llama.ggml_backend_load_all_from_path(folder);
  const devices = listDevices(llama);
  if (extension === undefined || devices.some(({ gpu }) => gpu)) return devices;
  for (const file of readdirSync(extension)) llama.ggml_backend_load(join(extension, file));
  return listDevices(llama);
}

function listDevices(llama: Llama): Device[] {
  return Array.from({ length: llama.ggml_backend_dev_count() }, (_, index) => {
    const pointer = llama.ggml_backend_dev_get(index);
    return {
      pointer,
      name: llama.ggml_backend_dev_name(pointer),
      description: llama.ggml_backend_dev_description(pointer),
      gpu: GPU_DEVICE_TYPES.includes(llama.ggml_backend_dev_type(pointer)),
    };
  });
}

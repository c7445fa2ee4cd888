import koffi from "koffi";

// Native calls run on a stack that koffi provides: its default of 128 KiB is too small for llama.cpp (64 KiB crashes).
// This has to happen before the first library is opened, so it stands where every binding begins.
koffi.config({ sync_stack_size: 8 << 20, async_stack_size: 8 << 20 });

/** An address of native memory; null is C's NULL. */
export type Pointer = bigint | null;

/** `llama_model_params` of llama.h; only what this house sets or checks is named. */
export interface ModelParams {
  devices: Pointer;
  n_gpu_layers: number;
  split_mode: number;
  load_mode: number;
  main_gpu: number;
  tensor_split: Pointer;
  progress_callback: Pointer;
  kv_overrides: Pointer;
}

/** `llama_context_params` of llama.h; only what this house sets or checks is named. */
export interface ContextParams {
  n_ctx: number;
  n_batch: number;
  n_ubatch: number;
  n_seq_max: number;
  n_threads: number;
  n_threads_batch: number;
  flash_attn_type: number;
  type_k: number;
  type_v: number;
  abort_callback: Pointer;
  abort_callback_data: Pointer;
  no_perf: boolean;
  kv_unified: boolean;
}

/** `llama_batch` of llama.h: one entry a token. */
export interface NativeBatch {
  n_tokens: number;
  token: Pointer;
  embd: Pointer;
  pos: Pointer;
  n_seq_id: Pointer;
  seq_id: Pointer;
  logits: Pointer;
}

const modelParams = koffi.struct("llama_model_params", {
  devices: "void *",
  tensor_buft_overrides: "void *",
  n_gpu_layers: "int32_t",
  split_mode: "int32_t",
  load_mode: "int32_t",
  lazy_mode: "int32_t",
  main_gpu: "int32_t",
  tensor_split: "void *",
  progress_callback: "void *",
  progress_callback_user_data: "void *",
  kv_overrides: "void *",
  vocab_only: "bool",
  check_tensors: "bool",
  use_extra_bufts: "bool",
  no_host: "bool",
  no_alloc: "bool",
  load_mtp: "bool",
});

const contextParams = koffi.struct("llama_context_params", {
  n_ctx: "uint32_t",
  n_batch: "uint32_t",
  n_ubatch: "uint32_t",
  n_seq_max: "uint32_t",
  n_rs_seq: "uint32_t",
  n_outputs_max: "uint32_t",
  n_outputs_max_per_seq: "uint32_t",
  n_threads: "int32_t",
  n_threads_batch: "int32_t",
  ctx_type: "int32_t",
  rope_scaling_type: "int32_t",
  pooling_type: "int32_t",
  attention_type: "int32_t",
  flash_attn_type: "int32_t",
  rope_freq_base: "float",
  rope_freq_scale: "float",
  yarn_ext_factor: "float",
  yarn_attn_factor: "float",
  yarn_beta_fast: "float",
  yarn_beta_slow: "float",
  yarn_orig_ctx: "uint32_t",
  defrag_thold: "float",
  cb_eval: "void *",
  cb_eval_user_data: "void *",
  type_k: "int32_t",
  type_v: "int32_t",
  abort_callback: "void *",
  abort_callback_data: "void *",
  embeddings: "bool",
  offload_kqv: "bool",
  no_perf: "bool",
  op_offload: "bool",
  swa_full: "bool",
  kv_unified: "bool",
  samplers: "void *",
  n_samplers: "size_t",
  ctx_other: "void *",
});

const batch = koffi.struct("llama_batch", {
  n_tokens: "int32_t",
  token: "void *",
  embd: "void *",
  pos: "void *",
  n_seq_id: "void *",
  seq_id: "void *",
  logits: "void *",
});

export const logCallback = koffi.proto(
  "void llama_log_callback(int level, const char *text, void *user_data)",
);
export const progressCallback = koffi.proto("bool llama_progress_callback(float progress, void *user_data)");

/**
 * Sizes and offsets in bytes, from `sizeof` and `offsetof` of a C compiler over llama.h of llama.cpp v0.4.0 (commit
 * 80fb11a). They are the same on every 64-bit platform.
 */
export const LAYOUTS = [
  {
    type: modelParams,
    name: "llama_model_params",
    size: 80,
    offsets: {
      devices: 0,
      tensor_buft_overrides: 8,
      n_gpu_layers: 16,
      split_mode: 20,
      load_mode: 24,
      main_gpu: 32,
      tensor_split: 40,
      progress_callback: 48,
      kv_overrides: 64,
      vocab_only: 72,
      load_mtp: 77,
    },
  },
  {
    type: contextParams,
    name: "llama_context_params",
    size: 160,
    offsets: {
      n_ctx: 0,
      n_batch: 4,
      n_ubatch: 8,
      n_seq_max: 12,
      n_threads: 28,
      n_threads_batch: 32,
      flash_attn_type: 52,
      rope_freq_base: 56,
      yarn_orig_ctx: 80,
      cb_eval: 88,
      type_k: 104,
      type_v: 108,
      abort_callback: 112,
      abort_callback_data: 120,
      embeddings: 128,
      no_perf: 130,
      kv_unified: 133,
      samplers: 136,
      n_samplers: 144,
      ctx_other: 152,
    },
  },
  {
    type: batch,
    name: "llama_batch",
    size: 56,
    offsets: { n_tokens: 0, token: 8, embd: 16, pos: 24, n_seq_id: 32, seq_id: 40, logits: 48 },
  },
] as const;

/** `llama_model_kv_override` of llama.h: `tag` at 0, `key` (a C string) at 4, the value at 136. */
export const KV_OVERRIDE = { size: 264, key: 4, keyLength: 128, value: 136, valueLength: 128 } as const;
export const KV_OVERRIDE_TAG = { integer: 0, string: 3 } as const;

/** `enum ggml_type` of ggml.h. */
export const GGML_TYPE = { f32: 0, f16: 1, bf16: 30 } as const;
/** `enum llama_flash_attn_type`. */
export const FLASH_ATTENTION = { auto: -1, off: 0, on: 1 } as const;
/** `enum llama_split_mode`. */
export const SPLIT_MODE = { none: 0, layer: 1 } as const;
/** `enum llama_load_mode`. */
export const LOAD_MODE = { read: 0, mmap: 1 } as const;
/** `enum ggml_log_level`; `continued` goes on with the line before it. */
export const LOG_LEVEL = { error: 4, continued: 5 } as const;
/** `enum ggml_backend_dev_type`: which of them compute apart from the CPU. */
export const GPU_DEVICE_TYPES: readonly number[] = [1, 2];

/** What the release's default parameters are; a shifted layout or another release shows up here. */
export const DEFAULT_MODEL_PARAMS: Readonly<Record<string, unknown>> = {
  devices: null,
  tensor_buft_overrides: null,
  n_gpu_layers: -1,
  split_mode: 1,
  load_mode: -1,
  main_gpu: 0,
  tensor_split: null,
  progress_callback: null,
  kv_overrides: null,
  vocab_only: false,
  check_tensors: false,
  use_extra_bufts: true,
  no_host: false,
  no_alloc: false,
};

export const DEFAULT_CONTEXT_PARAMS: Readonly<Record<string, unknown>> = {
  n_ctx: 512,
  n_batch: 2048,
  n_ubatch: 512,
  n_seq_max: 1,
  rope_scaling_type: -1,
  pooling_type: -1,
  attention_type: -1,
  flash_attn_type: -1,
  rope_freq_base: 0,
  yarn_ext_factor: -1,
  defrag_thold: -1,
  cb_eval: null,
  type_k: 1,
  type_v: 1,
  abort_callback: null,
  embeddings: false,
  offload_kqv: true,
  no_perf: true,
  op_offload: true,
  swa_full: true,
  kv_unified: false,
  samplers: null,
  n_samplers: 0,
  ctx_other: null,
};

import type { OrtApi, Pointer } from "./api.ts";

/** What ONNX Runtime's CUDA provider is told. */
export interface CudaSettings {
  /** Number of the GPU, as CUDA counts. */
  readonly device: number;
  /** Most bytes of weights and of what is computed in; null: as many as are free. */
  readonly memoryLimit: number | null;
  /** Whether runs may be recorded as CUDA graphs. */
  readonly graphs: boolean;
}

/** Options by the names that cuda_execution_provider_info.cc reads. */
export function providerOptions({
  device,
  memoryLimit,
  graphs,
}: CudaSettings): Readonly<Record<string, string>> {
  return {
    device_id: String(device),
    // Memory in the pieces that are asked for: a plan in bytes has no use for powers of two.
    arena_extend_strategy: "kSameAsRequested",
    ...(memoryLimit === null ? {} : { gpu_mem_limit: String(memoryLimit) }),
    ...(graphs ? { enable_cuda_graph: "1" } : {}),
  };
}

/** Has a session computed by CUDA. Throws OrtError where the provider's library cannot be used. */
export function appendCuda(api: OrtApi, session: Pointer, settings: CudaSettings): void {
  const { functions } = api;
  const native = api.made((out) => functions.CreateCUDAProviderOptions(out));
  try {
    const options = Object.entries(providerOptions(settings));
    const [keys, values] = [options.map(([key]) => key), options.map(([, value]) => value)];
    api.check(functions.UpdateCUDAProviderOptions(native, keys, values, options.length));
    api.check(functions.SessionOptionsAppendExecutionProvider_CUDA_V2(session, native));
  } finally {
    functions.ReleaseCUDAProviderOptions(native);
  }
}

import type { FloatElement } from "../graph/proto.ts";
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

/** Kernels that release 1.30's library holds (its .nv_fatbin), and nothing that could be compiled for other GPUs. */
const KERNELS = ["7.5", "8.x", "9.x", "12.x"];
/** Compute capability from which on GPUs have arithmetic in bfloat16. */
const BFLOAT16 = 8;

/** Why a GPU of a compute capability, such as 8.6, cannot compute a graph in `compute`; undefined where it can. */
export function capabilityFault(capability: number, compute: FloatElement): string | undefined {
  const major = Math.trunc(capability);
  const known = KERNELS.some((kernels) => Number.parseInt(kernels, 10) === major) && capability >= 7.5;
  const has = `the GPU's compute capability is ${capability.toFixed(1)}`;
  if (!known) {
    return `${has}, and ONNX Runtime for CUDA has kernels for ${KERNELS.join(", ")}: take driver: llama-cpp, or another GPU`;
  }
  if (compute === "bf16" && capability < BFLOAT16) {
    return `${has}, and bf16 needs ${BFLOAT16.toFixed(1)}: take type: f16`;
  }
  return undefined;
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

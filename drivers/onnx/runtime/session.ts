import { join } from "node:path";
import { callAsync, StepCalls } from "../../local/native-call.ts";
import { ELEMENT_BYTES, ELEMENT_TYPES, type ElementType } from "../graph/proto.ts";
import { type OrtApi, OrtError, openOrt, type Pointer } from "./api.ts";
import { appendCuda, type CudaSettings } from "./cuda-provider.ts";
import type { DeviceAddress } from "./cudart.ts";
import type { OnnxLibrary } from "./library.ts";

/** Numbers that ONNX Runtime reads and writes where they are. */
export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint16Array | Uint8Array;

/** 16 bits are a float16, 8 bits a truth value. */
function elementOf(data: TensorData): ElementType {
  if (data instanceof Float32Array) return "f32";
  if (data instanceof BigInt64Array) return "i64";
  if (data instanceof Int32Array) return "i32";
  return data instanceof Uint16Array ? "f16" : "bool";
}

/** `GraphOptimizationLevel` of onnxruntime_c_api.h. */
const ALL_OPTIMISATIONS = 99;
/** `OrtDeviceAllocator`, `OrtArenaAllocator` and `OrtMemTypeDefault`. */
const DEVICE = 0;
const ARENA = 1;
const DEFAULT_MEMORY = 0;
/** A run that is not recorded (onnxruntime_run_options_config_keys.h, `gpu_graph_id`). */
const NO_GRAPH = -1;

export interface SessionOptions {
  /** Path of the graph. */
  readonly model: string;
  readonly threads: number;
  /** Undefined: the CPU computes. */
  readonly cuda?: CudaSettings;
}

/** A graph that ONNX Runtime has loaded, and what it computes in. Calls never overlap. */
export class OrtSession {
  readonly version: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #api: OrtApi;
  readonly #session: Pointer;
  readonly #runOptions: Pointer;
  readonly #memory: Pointer;
  /** Null: the CPU computes. */
  readonly #gpuMemory: Pointer;
  readonly #graphs: boolean;
  readonly #run: StepCalls<[Pointer, Pointer, Pointer], Pointer>;
  readonly #bindings: Pointer[] = [];

  private constructor(api: OrtApi, session: Pointer, cuda: CudaSettings | undefined) {
    const { functions } = api;
    this.#api = api;
    this.#session = session;
    this.version = api.version;
    this.#runOptions = api.made((out) => functions.CreateRunOptions(out));
    this.#memory = api.made((out) => functions.CreateCpuMemoryInfo(ARENA, DEFAULT_MEMORY, out));
    this.#gpuMemory =
      cuda === undefined
        ? null
        : api.made((out) => functions.CreateMemoryInfo("Cuda", DEVICE, cuda.device, DEFAULT_MEMORY, out));
    this.#graphs = cuda?.graphs === true;
    // CUDA's provider keeps what it needs for each thread.
    this.#run = new StepCalls(functions.RunWithBinding, { anyThread: cuda === undefined });
    this.inputs = names(api, session, "Input");
    this.outputs = names(api, session, "Output");
  }

  /** Throws Error with ONNX Runtime's reason. */
  static async load(library: OnnxLibrary, options: SessionOptions): Promise<OrtSession> {
    const api = openOrt(library);
    const { functions } = api;
    const native = sessionOptions(api, options);
    try {
      if (options.cuda !== undefined) appendCuda(api, native, options.cuda);
      return new OrtSession(api, await createSession(api, options.model, native), options.cuda);
    } finally {
      functions.ReleaseSessionOptions(native);
    }
  }

  /** A tensor over `data`, which has to stay where it is, and alive, for as long as the tensor is used. */
  tensor(data: TensorData, shape: readonly number[], element = elementOf(data)): Tensor {
    const memory = { info: this.#memory, data, bytes: data.byteLength };
    return this.#tensor(memory, shape, element);
  }

  /** A tensor over memory of the GPU. */
  gpuTensor(address: DeviceAddress, shape: readonly number[], element: ElementType): Tensor {
    const bytes = shape.reduce((size, extent) => size * extent, ELEMENT_BYTES[element]);
    return this.#tensor({ info: this.#gpuMemory, data: address, bytes }, shape, element);
  }

  #tensor(
    { info, data, bytes }: { info: Pointer; data: TensorData | DeviceAddress; bytes: number },
    shape: readonly number[],
    element: ElementType,
  ): Tensor {
    const { functions } = this.#api;
    const extents = BigInt64Array.from(shape, BigInt);
    const type = ELEMENT_TYPES[element];
    const value = this.#api.made((out) =>
      functions.CreateTensorWithDataAsOrtValue(info, data, bytes, extents, extents.length, type, out),
    );
    return { value, data, release: () => functions.ReleaseValue(value) };
  }

  /** Inputs and outputs of a run, which can be kept for the next one. It lives as long as the session. */
  binding(): Binding {
    const api = this.#api;
    const { functions } = api;
    const native = api.made((out) => functions.CreateIoBinding(this.#session, out));
    this.#bindings.push(native);
    // ONNX Runtime keeps what is bound, but for the memory that a tensor is made over.
    const bound = new Map<string, Tensor>();
    return {
      native,
      input(name, tensor) {
        api.check(functions.BindInput(native, name, tensor.value));
        bound.set(`input ${name}`, tensor);
      },
      output(name, tensor) {
        api.check(functions.BindOutput(native, name, tensor.value));
        bound.set(`output ${name}`, tensor);
      },
    };
  }

  /**
   * Computes `tokens` tokens; where CUDA graphs are asked for, as the graph of that number, which is recorded the first time.
   * False where `terminate` ended it early. Throws OrtError.
   */
  async run({ native }: Binding, tokens: number, graph = NO_GRAPH): Promise<boolean> {
    if (this.#graphs) {
      const { functions } = this.#api;
      this.#api.check(functions.AddRunConfigEntry(this.#runOptions, "gpu_graph_id", String(graph)));
    }
    const status = await this.#run.call(tokens, this.#session, this.#runOptions, native);
    try {
      this.#api.check(status);
      return true;
    } catch (error) {
      if (error instanceof OrtError && this.#terminated) return false;
      throw error;
    }
  }

  #terminated = false;

  /** Makes a run that goes on, and all later ones until `resume`, end as soon as they can. */
  terminate(): void {
    this.#terminated = true;
    this.#api.check(this.#api.functions.RunOptionsSetTerminate(this.#runOptions));
  }

  resume(): void {
    if (!this.#terminated) return;
    this.#terminated = false;
    this.#api.check(this.#api.functions.RunOptionsUnsetTerminate(this.#runOptions));
  }

  release(): void {
    const { functions } = this.#api;
    // Before the session: a binding holds inputs in the provider's memory, all of which would stay.
    for (const binding of this.#bindings) functions.ReleaseIoBinding(binding);
    functions.ReleaseRunOptions(this.#runOptions);
    functions.ReleaseSession(this.#session);
  }
}

/** Constants of more bytes than this go into the file beside the graph. */
const LARGE_BYTES = 1024;

/** A graph to be saved as ONNX Runtime computes it; the copy consists of two files in a folder. */
export interface PrepackedCopy {
  /** Path of the graph. */
  readonly model: string;
  readonly folder: string;
  /** Base name of the copy's graph. */
  readonly graph: string;
  /** Base name of the copy's numbers. */
  readonly numbers: string;
}

/**
 * Saves a graph with its matrices arranged as this processor's kernels want them, so that loading it is mapping it.
 * Throws Error with ONNX Runtime's reason.
 */
export async function savePrepacked(
  library: OnnxLibrary,
  { model, folder, graph, numbers }: PrepackedCopy,
): Promise<void> {
  const api = openOrt(library);
  const { functions } = api;
  const native = sessionOptions(api, { model, threads: 1 });
  try {
    api.check(functions.SetOptimizedModelFilePath(native, join(folder, graph)));
    const entries = {
      "session.optimized_model_external_initializers_file_name": numbers,
      "session.optimized_model_external_initializers_min_size_in_bytes": String(LARGE_BYTES),
      "session.save_external_prepacked_constant_initializers": "1",
    };
    for (const [key, value] of Object.entries(entries)) {
      api.check(functions.AddSessionConfigEntry(native, key, value));
    }
    functions.ReleaseSession(await createSession(api, model, native));
  } finally {
    functions.ReleaseSessionOptions(native);
  }
}

async function createSession(api: OrtApi, model: string, options: Pointer): Promise<Pointer> {
  const out: [Pointer] = [null];
  api.check(await callAsync(api.functions.CreateSession, api.env, model, options, out));
  return out[0];
}

export interface Tensor {
  readonly value: Pointer;
  readonly data: TensorData | DeviceAddress;
  release(): void;
}

/** What is bound stays so when its tensor is released. */
export interface Binding {
  readonly native: Pointer;
  input(name: string, tensor: Tensor): void;
  output(name: string, tensor: Tensor): void;
}

function sessionOptions(api: OrtApi, { threads }: SessionOptions): Pointer {
  const { functions } = api;
  const options = api.made((out) => functions.CreateSessionOptions(out));
  api.check(functions.SetSessionGraphOptimizationLevel(options, ALL_OPTIMISATIONS));
  api.check(functions.SetIntraOpNumThreads(options, threads));
  // Steps differ in shape, so that what was learned of one is no use for the next.
  api.check(functions.DisableMemPattern(options));
  // Threads that spin while they wait take the processor from the gateway, and from each other where cores are few.
  api.check(functions.AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"));
  return options;
}

function names(api: OrtApi, session: Pointer, kind: "Input" | "Output"): string[] {
  const { functions } = api;
  const count = api.made<number>((out) => functions[`SessionGet${kind}Count`](session, out));
  const allocator = api.made((out) => functions.GetAllocatorWithDefaultOptions(out));
  // The names' few bytes are ONNX Runtime's, and are left to the process's end.
  return Array.from({ length: count }, (_, index) =>
    api.made<string>((out) => functions[`SessionGet${kind}Name`](session, index, allocator, out)),
  );
}

import koffi, { type KoffiFunc } from "koffi";
import { openLibrary } from "../../local/preload.ts";
import type { OnnxLibrary } from "./library.ts";

// Native calls run on a stack that koffi provides; its default of 128 KiB is too small to load a model.
// This has to happen before the first library is opened.
koffi.config({ sync_stack_size: 8 << 20, async_stack_size: 8 << 20 });

/** An address of native memory; null is C's NULL. */
export type Pointer = bigint | null;
/** What a function hands out through a pointer. */
type Out<T = Pointer> = [T | null];
/** Null where the call went well. */
type Status = Pointer;

/** The functions of `OrtApi` that this house calls, by their C names. */
export interface OrtFunctions {
  readonly GetErrorMessage: KoffiFunc<(status: Status) => string>;
  readonly ReleaseStatus: KoffiFunc<(status: Status) => void>;
  readonly CreateEnv: KoffiFunc<(severity: number, id: string, out: Out) => Status>;
  readonly CreateSession: KoffiFunc<(env: Pointer, path: string, options: Pointer, out: Out) => Status>;
  readonly CreateSessionOptions: KoffiFunc<(out: Out) => Status>;
  readonly SetOptimizedModelFilePath: KoffiFunc<(options: Pointer, path: string) => Status>;
  readonly SetSessionGraphOptimizationLevel: KoffiFunc<(options: Pointer, level: number) => Status>;
  readonly SetIntraOpNumThreads: KoffiFunc<(options: Pointer, threads: number) => Status>;
  readonly DisableMemPattern: KoffiFunc<(options: Pointer) => Status>;
  readonly DisableCpuMemArena: KoffiFunc<(options: Pointer) => Status>;
  readonly AddSessionConfigEntry: KoffiFunc<(options: Pointer, key: string, value: string) => Status>;
  readonly ReleaseSessionOptions: KoffiFunc<(options: Pointer) => void>;
  readonly SessionGetInputCount: KoffiFunc<(session: Pointer, out: Out<number>) => Status>;
  readonly SessionGetOutputCount: KoffiFunc<(session: Pointer, out: Out<number>) => Status>;
  readonly SessionGetInputName: KoffiFunc<
    (session: Pointer, index: number, allocator: Pointer, out: Out<string>) => Status
  >;
  readonly SessionGetOutputName: KoffiFunc<
    (session: Pointer, index: number, allocator: Pointer, out: Out<string>) => Status
  >;
  readonly GetAllocatorWithDefaultOptions: KoffiFunc<(out: Out) => Status>;
  readonly ReleaseSession: KoffiFunc<(session: Pointer) => void>;
  readonly CreateRunOptions: KoffiFunc<(out: Out) => Status>;
  readonly RunOptionsSetTerminate: KoffiFunc<(options: Pointer) => Status>;
  readonly RunOptionsUnsetTerminate: KoffiFunc<(options: Pointer) => Status>;
  readonly AddRunConfigEntry: KoffiFunc<(options: Pointer, key: string, value: string) => Status>;
  readonly ReleaseRunOptions: KoffiFunc<(options: Pointer) => void>;
  readonly CreateMemoryInfo: KoffiFunc<
    (name: string, allocator: number, device: number, memory: number, out: Out) => Status
  >;
  readonly CreateCpuMemoryInfo: KoffiFunc<(allocator: number, memory: number, out: Out) => Status>;
  readonly CreateTensorWithDataAsOrtValue: KoffiFunc<
    (
      info: Pointer,
      data: ArrayBufferView | bigint,
      bytes: number,
      shape: BigInt64Array,
      dimensions: number,
      element: number,
      out: Out,
    ) => Status
  >;
  readonly ReleaseValue: KoffiFunc<(value: Pointer) => void>;
  readonly RunWithBinding: KoffiFunc<(session: Pointer, options: Pointer, binding: Pointer) => Status>;
  readonly CreateIoBinding: KoffiFunc<(session: Pointer, out: Out) => Status>;
  readonly ReleaseIoBinding: KoffiFunc<(binding: Pointer) => void>;
  readonly BindInput: KoffiFunc<(binding: Pointer, name: string, value: Pointer) => Status>;
  readonly BindOutput: KoffiFunc<(binding: Pointer, name: string, value: Pointer) => Status>;
  readonly SessionOptionsAppendExecutionProvider_CUDA_V2: KoffiFunc<
    (options: Pointer, cuda: Pointer) => Status
  >;
  readonly CreateCUDAProviderOptions: KoffiFunc<(out: Out) => Status>;
  readonly UpdateCUDAProviderOptions: KoffiFunc<
    (cuda: Pointer, keys: readonly string[], values: readonly string[], count: number) => Status
  >;
  readonly ReleaseCUDAProviderOptions: KoffiFunc<(cuda: Pointer) => void>;
}

/** The version of `OrtApi` that is asked for: that of release 1.22; later releases only add to it. */
const API_VERSION = 22;

/** `OrtLoggingLevel`: what is less severe is not printed. */
const ERRORS_ONLY = 3;

/** Paths are UTF-16 on Windows (`ORTCHAR_T`). */
const PATH = process.platform === "win32" ? "const char16_t *" : "const char *";

/** Place in the table and signature of each function; onnxruntime_c_api.h, whose order never changes. */
const FUNCTIONS: Readonly<
  Record<keyof OrtFunctions, readonly [place: number, result: string, args: string]>
> = {
  GetErrorMessage: [2, "const char *", "void *status"],
  CreateEnv: [3, "void *", "int severity, const char *id, _Out_ void **out"],
  CreateSession: [7, "void *", `void *env, ${PATH}path, void *options, _Out_ void **out`],
  CreateSessionOptions: [10, "void *", "_Out_ void **out"],
  SetOptimizedModelFilePath: [11, "void *", `void *options, ${PATH}path`],
  DisableMemPattern: [17, "void *", "void *options"],
  DisableCpuMemArena: [19, "void *", "void *options"],
  SetSessionGraphOptimizationLevel: [23, "void *", "void *options, int level"],
  SetIntraOpNumThreads: [24, "void *", "void *options, int threads"],
  SessionGetInputCount: [30, "void *", "void *session, _Out_ size_t *out"],
  SessionGetOutputCount: [31, "void *", "void *session, _Out_ size_t *out"],
  SessionGetInputName: [36, "void *", "void *session, size_t index, void *allocator, _Out_ const char **out"],
  SessionGetOutputName: [
    37,
    "void *",
    "void *session, size_t index, void *allocator, _Out_ const char **out",
  ],
  CreateRunOptions: [39, "void *", "_Out_ void **out"],
  RunOptionsSetTerminate: [46, "void *", "void *options"],
  RunOptionsUnsetTerminate: [47, "void *", "void *options"],
  CreateTensorWithDataAsOrtValue: [
    49,
    "void *",
    "void *info, void *data, size_t bytes, const int64_t *shape, size_t dimensions, int element, _Out_ void **out",
  ],
  CreateMemoryInfo: [
    68,
    "void *",
    "const char *name, int allocator, int device, int memory, _Out_ void **out",
  ],
  CreateCpuMemoryInfo: [69, "void *", "int allocator, int memory, _Out_ void **out"],
  GetAllocatorWithDefaultOptions: [78, "void *", "_Out_ void **out"],
  ReleaseStatus: [93, "void", "void *status"],
  ReleaseSession: [95, "void", "void *session"],
  ReleaseValue: [96, "void", "void *value"],
  ReleaseRunOptions: [97, "void", "void *options"],
  ReleaseSessionOptions: [100, "void", "void *options"],
  AddSessionConfigEntry: [130, "void *", "void *options, const char *key, const char *value"],
  RunWithBinding: [133, "void *", "void *session, void *options, void *binding"],
  CreateIoBinding: [134, "void *", "void *session, _Out_ void **out"],
  ReleaseIoBinding: [135, "void", "void *binding"],
  BindInput: [136, "void *", "void *binding, const char *name, void *value"],
  BindOutput: [137, "void *", "void *binding, const char *name, void *value"],
  AddRunConfigEntry: [165, "void *", "void *options, const char *key, const char *value"],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, "void *", "void *options, void *cuda"],
  CreateCUDAProviderOptions: [205, "void *", "_Out_ void **out"],
  UpdateCUDAProviderOptions: [
    206,
    "void *",
    "void *cuda, const char **keys, const char **values, size_t count",
  ],
  ReleaseCUDAProviderOptions: [208, "void", "void *cuda"],
};

const VERSION = koffi.proto("const char *OrtGetVersionString()");
const GET_API = koffi.proto("void *OrtGetApi(uint32_t version)");

const opened = new Map<string, OrtApi>();

/** ONNX Runtime's C API out of a library, which is opened the first time. Throws as the constructor. */
export function openOrt(library: OnnxLibrary): OrtApi {
  const api = opened.get(library.path) ?? new OrtApi(library);
  opened.set(library.path, api);
  return api;
}

/** ONNX Runtime's C API in this process. */
export class OrtApi {
  readonly version: string;
  readonly functions: OrtFunctions;
  /** `OrtEnv`, of which a process has one; much of the API takes for granted that it is there. */
  readonly env: Pointer;

  /** Opens the library. Throws Error that names it where it is another release, or none of ONNX Runtime. */
  constructor({ path, release, install }: OnnxLibrary) {
    // Else it numbers the machine, keeps events of its use and sends them to its maker; read once, when it is opened.
    process.env["ORT_DISABLE_TELEMETRY"] = "1";
    const handle = openLibrary(path);
    const base = handle.func("void *OrtGetApiBase()")();
    // struct OrtApiBase { const OrtApi *(*GetApi)(uint32_t); const char *(*GetVersionString)(); }
    const [getApi, getVersion] = new BigUint64Array(koffi.view(base, 16));
    this.version = koffi.call(getVersion, VERSION);
    if (this.version !== release) {
      throw new Error(
        `${path} is ONNX Runtime ${this.version}, this gateway needs ${release}. Run: ${install}`,
      );
    }
    const table: Pointer = koffi.call(getApi, GET_API, API_VERSION);
    if (table === null)
      throw new Error(`${path} does not offer version ${API_VERSION} of ONNX Runtime's C API.`);
    this.functions = bindFunctions(table);
    this.env = this.made((out) => this.functions.CreateEnv(ERRORS_ONLY, "dolly", out));
  }

  /** Throws Error with ONNX Runtime's own words where a call went wrong. */
  check(status: Status): void {
    if (status === null) return;
    const message = this.functions.GetErrorMessage(status);
    this.functions.ReleaseStatus(status);
    throw new OrtError(message);
  }

  /** The value that a function hands out. Throws OrtError. */
  made<T = Pointer>(call: (out: Out<T>) => Status): T {
    const out: Out<T> = [null];
    this.check(call(out));
    const [value] = out;
    if (value === null) throw new OrtError("ONNX Runtime handed out nothing");
    return value;
  }
}

/** What ONNX Runtime said of a call that went wrong. */
export class OrtError extends Error {
  override readonly name = "OrtError";
}

function bindFunctions(table: Pointer): OrtFunctions {
  const places = Object.values(FUNCTIONS).map(([place]) => place);
  const addresses = new BigUint64Array(koffi.view(table, (Math.max(...places) + 1) * 8));
  const bind = (name: keyof OrtFunctions) => {
    const [place, result, args] = FUNCTIONS[name];
    return koffi.decode(addresses[place], koffi.proto(`${result} Ort${name}(${args})`));
  };
  return {
    GetErrorMessage: bind("GetErrorMessage"),
    ReleaseStatus: bind("ReleaseStatus"),
    CreateEnv: bind("CreateEnv"),
    CreateSession: bind("CreateSession"),
    CreateSessionOptions: bind("CreateSessionOptions"),
    SetOptimizedModelFilePath: bind("SetOptimizedModelFilePath"),
    SetSessionGraphOptimizationLevel: bind("SetSessionGraphOptimizationLevel"),
    SetIntraOpNumThreads: bind("SetIntraOpNumThreads"),
    DisableMemPattern: bind("DisableMemPattern"),
    DisableCpuMemArena: bind("DisableCpuMemArena"),
    AddSessionConfigEntry: bind("AddSessionConfigEntry"),
    ReleaseSessionOptions: bind("ReleaseSessionOptions"),
    SessionGetInputCount: bind("SessionGetInputCount"),
    SessionGetOutputCount: bind("SessionGetOutputCount"),
    SessionGetInputName: bind("SessionGetInputName"),
    SessionGetOutputName: bind("SessionGetOutputName"),
    GetAllocatorWithDefaultOptions: bind("GetAllocatorWithDefaultOptions"),
    ReleaseSession: bind("ReleaseSession"),
    CreateRunOptions: bind("CreateRunOptions"),
    RunOptionsSetTerminate: bind("RunOptionsSetTerminate"),
    RunOptionsUnsetTerminate: bind("RunOptionsUnsetTerminate"),
    AddRunConfigEntry: bind("AddRunConfigEntry"),
    ReleaseRunOptions: bind("ReleaseRunOptions"),
    CreateMemoryInfo: bind("CreateMemoryInfo"),
    CreateCpuMemoryInfo: bind("CreateCpuMemoryInfo"),
    CreateTensorWithDataAsOrtValue: bind("CreateTensorWithDataAsOrtValue"),
    ReleaseValue: bind("ReleaseValue"),
    RunWithBinding: bind("RunWithBinding"),
    CreateIoBinding: bind("CreateIoBinding"),
    ReleaseIoBinding: bind("ReleaseIoBinding"),
    BindInput: bind("BindInput"),
    BindOutput: bind("BindOutput"),
    SessionOptionsAppendExecutionProvider_CUDA_V2: bind("SessionOptionsAppendExecutionProvider_CUDA_V2"),
    CreateCUDAProviderOptions: bind("CreateCUDAProviderOptions"),
    UpdateCUDAProviderOptions: bind("UpdateCUDAProviderOptions"),
    ReleaseCUDAProviderOptions: bind("ReleaseCUDAProviderOptions"),
  };
}

import koffi from "koffi";
import { describe, expect, test } from "vitest";
import { findLibraries } from "../../drivers/llama-cpp/library.ts";
import { openLlama } from "../../drivers/llama-cpp/llama.ts";
import { preload } from "../../drivers/local/preload.ts";
import { openOrt } from "../../drivers/onnx/runtime/api.ts";
import { findCudaLibrary, ORT_RELEASE } from "../../drivers/onnx/runtime/library.ts";
import { inThisSystem } from "../../src/machine/system-libraries.ts";

/** A cache that `dolly install cuda` has filled; without one there is nothing to look at. */
const cacheDir = process.env["DOLLY_TEST_CUDA_CACHE"] ?? "";

/** This machine as it is, but with NVIDIA's driver. */
const ownSystem = inThisSystem(process.env);
const withDriver = (soname: string) =>
  ownSystem(soname) ?? (soname === "libcuda.so.1" ? "/usr/lib64/libcuda.so.1" : undefined);
const places = { libraries: undefined, cacheDir };

/** Opens a library that needs the driver: the driver is all that it may miss. */
function expectOnlyTheDriverMissing(path: string): void {
  if (ownSystem("libcuda.so.1") !== undefined) koffi.load(path);
  else expect(() => koffi.load(path)).toThrow(/libcuda\.so\.1: cannot open shared object file/);
}

const KERNEL = 'extern "C" __global__ void halve(float *x) { x[threadIdx.x] = x[threadIdx.x] / 2; }';

describe.skipIf(cacheDir === "")("what dolly install cuda brought", () => {
  const library = () => findCudaLibrary(process, places, withDriver);
  const opened = (name: string) => {
    preload(library().preload);
    return koffi.load(library().preload.find((path) => path.endsWith(name)) ?? name);
  };

  test("ONNX Runtime opens, and its provider misses at most the driver", () => {
    const { preload: paths, folder } = library();
    preload(paths);
    expect(openOrt(library()).version).toBe(ORT_RELEASE);
    expectOnlyTheDriverMissing(`${folder}/libonnxruntime_providers_cuda.so`);
  });

  test("llama.cpp opens, and its backend misses at most the driver", () => {
    const libraries = findLibraries("cuda", process, {
      ...places,
      find: () => undefined,
      system: withDriver,
    });
    expect(openLlama(libraries).llama_version()).toMatch(/^0\.4\.0/);
    expectOnlyTheDriverMissing(`${libraries.folder}/libggml-cuda.so`);
  });

  test("NVRTC compiles a kernel, for which it needs its builtins", () => {
    const nvrtc = opened("libnvrtc.so.13");
    const create = nvrtc.func(
      "int nvrtcCreateProgram(_Out_ void **program, const char *source, const char *name, int headers, void *texts, void *names)",
    );
    const compile = nvrtc.func("int nvrtcCompileProgram(void *program, int options, const char **values)");
    const program: [bigint | null] = [null];
    expect(create(program, KERNEL, "halve.cu", 0, null, null)).toBe(0);
    expect(compile(program[0], 1, ["--gpu-architecture=sm_80"])).toBe(0);
  });

  test("cuDNN finds its parts", () => {
    const cudnn = opened("libcudnn.so.9");
    expect(Number(cudnn.func("size_t cudnnGetVersion()")())).toBe(92_000);
    for (const part of ["Graph", "Ops", "Cnn", "Adv"]) {
      expect(cudnn.func(`int cudnn${part}VersionCheck()`)(), part).toBe(0);
    }
  });
});

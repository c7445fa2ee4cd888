import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findCudaLibrary, ORT_RELEASE } from "../../../drivers/onnx/runtime/library.ts";
import { folderWith, inCache, loaderWith } from "../cuda-folders.ts";

const linux = { platform: "linux", arch: "x64" };
const onnx = [
  `libonnxruntime.so.${ORT_RELEASE}`,
  "libonnxruntime_providers_cuda.so",
  "libonnxruntime_providers_shared.so",
];
const cuda = [
  "libcudart.so.13",
  "libnvrtc-builtins.so.13.0",
  "libnvrtc.so.13",
  "libcublasLt.so.13",
  "libcublas.so.13",
  "libcurand.so.10",
  "libcufft.so.12",
  "libcudnn.so.9",
];
const installed = [
  ...inCache("onnxruntime-gpu-1.30.0", onnx),
  ...inCache("nvidia-cuda-runtime-13.0.96", ["libcudart.so.13"]),
  ...inCache("nvidia-cublas-13.1.0.3", ["libcublas.so.13", "libcublasLt.so.13"]),
  ...inCache("nvidia-cuda-nvrtc-13.0.88", ["libnvrtc.so.13", "libnvrtc-builtins.so.13.0"]),
  ...inCache("nvidia-curand-10.4.0.35", ["libcurand.so.10"]),
  ...inCache("nvidia-cufft-12.0.0.61", ["libcufft.so.12"]),
  ...inCache("nvidia-cudnn-cu13-9.20.0.48", ["libcudnn.so.9", "libcudnn_graph.so.9"]),
];
const driver = loaderWith("libcuda.so.1");

function find(places: { libraries?: string; cacheDir: string }, system = driver, machine = linux) {
  return findCudaLibrary(machine, { libraries: undefined, ...places }, system);
}

test("what the command installed is found, each library after what it needs", () => {
  const cacheDir = folderWith(...installed);
  const found = find({ cacheDir });
  const folder = join(cacheDir, "native", "onnxruntime-gpu-1.30.0");
  expect(found).toMatchObject({ folder, path: join(folder, onnx[0] ?? ""), release: ORT_RELEASE });
  expect(found.preload.map((path) => path.split("/").at(-1))).toEqual(cuda);
  expect(found.cudart).toBe(join(cacheDir, "native", "nvidia-cuda-runtime-13.0.96", "libcudart.so.13"));
});

test("a folder that a placement names comes first, then the cache, then the system", () => {
  const cacheDir = folderWith(...installed);
  const libraries = folderWith("libcudart.so.13", ...onnx);
  const system = loaderWith("libcuda.so.1", "libcurand.so.10", "libcudnn.so.9");
  rmSync(join(cacheDir, "native", "nvidia-curand-10.4.0.35"), { recursive: true });
  const found = find({ libraries, cacheDir }, system);
  expect(found.folder).toBe(libraries);
  expect(found.cudart).toBe(join(libraries, "libcudart.so.13"));
  expect(found.preload).toContain("/usr/lib64/libcurand.so.10");
  expect(found.preload).toContain(join(cacheDir, "native", "nvidia-cudnn-cu13-9.20.0.48", "libcudnn.so.9"));
});

test("a Python environment that has the wheels will do", () => {
  const libraries = folderWith(
    ...onnx.map((file) => `onnxruntime/capi/${file}`),
    ...cuda.filter((file) => !file.includes("cudnn")).map((file) => `nvidia/cu13/lib/${file}`),
    "nvidia/cudnn/lib/libcudnn.so.9",
  );
  const found = find({ libraries, cacheDir: "/nowhere" });
  expect(found.folder).toBe(join(libraries, "onnxruntime", "capi"));
  expect(found.preload).toHaveLength(cuda.length);
  expect(found.preload.every((path) => path.startsWith(libraries))).toBe(true);
});

test("NVRTC's builtins, whose name has the minor version, come from beside it", () => {
  const libraries = folderWith("libnvrtc.so.13", "libnvrtc-builtins.so.13.2", "libnvrtc-builtins.so.13.2.78");
  const { preload } = find({ libraries, cacheDir: folderWith(...installed) });
  const from = preload.filter((path) => path.includes("nvrtc"));
  expect(from).toEqual([join(libraries, "libnvrtc-builtins.so.13.2"), join(libraries, "libnvrtc.so.13")]);
});

test("cuFFT, which no language model computes with, may be missing", () => {
  const cacheDir = folderWith(...installed.filter((file) => !file.includes("cufft")));
  expect(find({ cacheDir }).preload.some((path) => path.includes("cufft"))).toBe(false);
});

describe("what is missing is named, with the step that brings it", () => {
  test.each([
    ["libonnxruntime.so", /libonnxruntime\.so\.1\.30\.0 of onnxruntime-gpu.* is not installed\. Run: dolly/],
    [
      "libonnxruntime_providers_cuda",
      /libonnxruntime_providers_cuda\.so is missing\. Run: dolly install cuda/,
    ],
    ["libonnxruntime_providers_shared", /libonnxruntime_providers_shared\.so is missing\. Run: dolly/],
    [
      "libcudart",
      /^libcudart\.so\.13 of nvidia-cuda-runtime is not found\. Run: dolly install cuda --cache-dir \//,
    ],
    [
      "libcublasLt",
      /^libcublasLt\.so\.13 of nvidia-cublas is not found\. Run: dolly install cuda --cache-dir \//,
    ],
    ["libnvrtc.so", /^libnvrtc\.so\.13 of nvidia-cuda-nvrtc is not found/],
    ["libcurand", /^libcurand\.so\.10 of nvidia-curand is not found/],
    ["libcudnn.so", /^libcudnn\.so\.9 of nvidia-cudnn-cu13 is not found/],
  ])("%s", (file, message) => {
    const cacheDir = folderWith(...installed.filter((path) => !path.includes(file)));
    expect(() => find({ cacheDir })).toThrow(message);
  });

  test("the driver", () => {
    const cacheDir = folderWith(...installed);
    expect(() => find({ cacheDir }, () => undefined)).toThrow(
      /^libcuda\.so\.1 is not found: it comes with NVIDIA's driver/,
    );
  });

  test("another release of ONNX Runtime or of CUDA", () => {
    const old = folderWith("libonnxruntime.so.1.29.0", "libcudart.so.12");
    expect(() => find({ libraries: old, cacheDir: folderWith() })).toThrow(
      /libonnxruntime\.so\.1\.29\.0 is another release; this gateway needs libonnxruntime\.so\.1\.30\.0/,
    );
    const cacheDir = folderWith(...installed.filter((path) => !path.includes("cudart")));
    expect(() => find({ libraries: old, cacheDir })).toThrow(
      /^libcudart\.so\.13 of nvidia-cuda-runtime is not found \(.*\/libcudart\.so\.12 is another release\)/,
    );
  });

  test("a folder that is none", () => {
    expect(() => find({ libraries: "/nowhere/at/all", cacheDir: folderWith(...installed) })).toThrow(
      /^\/nowhere\/at\/all is no folder; cuda_libraries names/,
    );
  });

  test("another machine", () => {
    const cacheDir = folderWith(...installed);
    expect(() => find({ cacheDir }, driver, { platform: "darwin", arch: "arm64" })).toThrow(
      "CUDA is to be had on linux-x64 only; this is darwin-arm64.",
    );
  });
});

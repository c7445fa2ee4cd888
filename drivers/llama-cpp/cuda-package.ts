import type { NativePackage } from "../../src/core/native-package.ts";
import type { CudaLibrary } from "../local/cuda-libraries.ts";
import { CUBLAS, CUDA_MACHINE, CUDA_RUNTIME } from "../local/cuda-packages.ts";

/** The npm package of llama.cpp's CUDA build, of the same release as the others. */
export const LLAMA_CUDA_PACKAGE: NativePackage = {
  provider: "cuda",
  machine: CUDA_MACHINE,
  registry: "npm",
  name: "@node-llama-cpp/linux-x64-cuda",
  version: "3.21.1",
  file: "linux-x64-cuda-3.21.1.tgz",
  bytes: 142_850_036,
  sha256: "499b4012541cb3e01b3d35e18e7dd2dc546174979494b02dbcc0a6667ed6b7d9",
  keptBytes: 187_966_385,
  keep: [/^package\/(bins\/linux-x64-cuda\/lib[\w.-]+\.so)$/, /^package\/(LICENSE)$/],
};

/**
 * What `dolly install cuda` fetches for this driver. The package `linux-x64-cuda-ext` is not among them: it is built for
 * CUDA 12 and older drivers, whose libraries these are not.
 */
export const LLAMA_CUDA_PACKAGES: readonly NativePackage[] = [LLAMA_CUDA_PACKAGE, CUDA_RUNTIME, CUBLAS];

/** What the CUDA backend opens, each after what it needs itself. */
export const LLAMA_CUDA_LIBRARIES: readonly CudaLibrary[] = [
  { soname: "libcudart.so.13", package: CUDA_RUNTIME },
  { soname: "libcublasLt.so.13", package: CUBLAS },
  { soname: "libcublas.so.13", package: CUBLAS },
];

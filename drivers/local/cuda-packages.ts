import type { NativePackage } from "../../src/core/native-package.ts";

/** CUDA's libraries are fetched for this machine only. */
export const CUDA_MACHINE = "linux-x64";

/** The command that brings every library that CUDA takes into a cache. */
export const installCuda = (cacheDir: string): string =>
  `dolly install cuda --cache-dir ${/[^\w./-]/.test(cacheDir) ? JSON.stringify(cacheDir) : cacheDir}`;

export const NVIDIA_LICENCE = /\.dist-info\/licenses\/(License\.txt)$/;

/** One of NVIDIA's own wheels of CUDA 13.0: what is built for it runs with drivers of release 580 and newer. */
export const nvidiaWheel = (
  wheel: Omit<NativePackage, "provider" | "machine" | "registry">,
): NativePackage => ({ provider: "cuda", machine: CUDA_MACHINE, registry: "pypi", ...wheel });

/** Both engines open these two. */
export const CUDA_RUNTIME = nvidiaWheel({
  name: "nvidia-cuda-runtime",
  version: "13.0.96",
  file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
  bytes: 2_243_632,
  sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
  keptBytes: 763_550,
  keep: [/^nvidia\/cu13\/lib\/(libcudart\.so\.13)$/, NVIDIA_LICENCE],
});

export const CUBLAS = nvidiaWheel({
  name: "nvidia-cublas",
  version: "13.1.0.3",
  file: "nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl",
  bytes: 423_133_236,
  sha256: "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
  keptBytes: 595_832_838,
  keep: [/^nvidia\/cu13\/lib\/(libcublas(?:Lt)?\.so\.13)$/, NVIDIA_LICENCE],
});

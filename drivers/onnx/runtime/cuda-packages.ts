import type { NativePackage } from "../../../src/core/native-package.ts";
import type { CudaLibrary } from "../../local/cuda-libraries.ts";
import {
  CUBLAS,
  CUDA_MACHINE,
  CUDA_RUNTIME,
  NVIDIA_LICENCE,
  nvidiaWheel,
} from "../../local/cuda-packages.ts";

/** Of its Python wheel only the libraries are taken; they are the same for every Python. */
export const ONNX_CUDA_PACKAGE: NativePackage = {
  provider: "cuda",
  machine: CUDA_MACHINE,
  registry: "pypi",
  name: "onnxruntime-gpu",
  version: "1.30.0",
  file: "onnxruntime_gpu-1.30.0-cp311-cp311-manylinux_2_28_x86_64.whl",
  bytes: 246_658_419,
  sha256: "4fbf0c5d7b5fb99266c2e8a802e3e64af68bdc383e0f3c7349b985f1087eedaa",
  keptBytes: 301_466_673,
  keep: [
    /^onnxruntime\/capi\/(libonnxruntime(?:\.so\.[\d.]+|_providers_(?:cuda|shared)\.so))$/,
    /^onnxruntime\/(LICENSE|ThirdPartyNotices\.txt)$/,
  ],
};

const NVRTC = nvidiaWheel({
  name: "nvidia-cuda-nvrtc",
  version: "13.0.88",
  file: "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
  bytes: 90_215_200,
  sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
  keptBytes: 113_777_942,
  keep: [/^nvidia\/cu13\/lib\/(libnvrtc(?:-builtins)?\.so\.13(?:\.0)?)$/, NVIDIA_LICENCE],
});

const CUFFT = nvidiaWheel({
  name: "nvidia-cufft",
  version: "12.0.0.61",
  file: "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
  bytes: 214_085_489,
  sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
  keptBytes: 286_601_614,
  keep: [/^nvidia\/cu13\/lib\/(libcufft\.so\.12)$/, NVIDIA_LICENCE],
});

const CURAND = nvidiaWheel({
  name: "nvidia-curand",
  version: "10.4.0.35",
  file: "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
  bytes: 59_544_258,
  sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
  keptBytes: 132_757_590,
  keep: [/^nvidia\/cu13\/lib\/(libcurand\.so\.10)$/, NVIDIA_LICENCE],
});

const CUDNN = nvidiaWheel({
  name: "nvidia-cudnn-cu13",
  version: "9.20.0.48",
  file: "nvidia_cudnn_cu13-9.20.0.48-py3-none-manylinux_2_27_x86_64.whl",
  bytes: 366_173_588,
  sha256: "0c45dd8eeb50b603f07995b1b300c62ffe6a1980482b82b3bcf94a4ca9d49304",
  keptBytes: 493_437_126,
  keep: [/^nvidia\/cudnn\/lib\/(libcudnn(?:_\w+)?\.so\.9)$/, NVIDIA_LICENCE],
});

/** What `dolly install cuda` fetches for this driver. */
export const ONNX_CUDA_PACKAGES: readonly NativePackage[] = [
  ONNX_CUDA_PACKAGE,
  CUDA_RUNTIME,
  CUBLAS,
  NVRTC,
  CURAND,
  CUFFT,
  CUDNN,
];

/**
 * What release 1.30's provider opens, each after what it needs itself: the runtime, cuBLAS and cuRAND when it is loaded, NVRTC,
 * cuFFT and cuDNN by their names when a node asks for them. cuDNN finds its parts beside itself, NVRTC its builtins not.
 */
export const CUDA_LIBRARIES: readonly CudaLibrary[] = [
  { soname: "libcudart.so.13", package: CUDA_RUNTIME },
  { soname: "libnvrtc.so.13", package: NVRTC, beside: /^libnvrtc-builtins\.so\.13\.\d+$/ },
  { soname: "libcublasLt.so.13", package: CUBLAS },
  { soname: "libcublas.so.13", package: CUBLAS },
  { soname: "libcurand.so.10", package: CURAND },
  { soname: "libcufft.so.12", package: CUFFT, optional: true },
  { soname: "libcudnn.so.9", package: CUDNN },
];

import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { env } from "node:process";
import { packageFolder } from "../../../src/core/native-package.ts";
import { type FindInSystem, inThisSystem } from "../../../src/machine/system-libraries.ts";
import {
  type CudaPlaces,
  findCudaLibraries,
  foldersBelow,
  requireCudaDriver,
  requireCudaMachine,
  requireNamedFolder,
} from "../../local/cuda-libraries.ts";
import { CUDA_MACHINE, installCuda } from "../../local/cuda-packages.ts";
import { CUDA_LIBRARIES, ONNX_CUDA_PACKAGE } from "./cuda-packages.ts";

/** Release of onnxruntime-node; the same as in package.json. */
export const ORT_RELEASE = "1.30.0";

/** A build of ONNX Runtime. */
export interface OnnxLibrary {
  readonly path: string;
  readonly release: string;
  /** The command that installs it. */
  readonly install: string;
}

/** The build of ONNX Runtime that computes on NVIDIA GPUs, with all that its provider opens. */
export interface OnnxCudaLibrary extends OnnxLibrary {
  /**
   * Full paths of CUDA's and cuDNN's libraries in the order of their dependencies. The engine's process opens them one after
   * the other before the first session: the provider then finds each by its name, wherever it lies.
   */
  readonly preload: readonly string[];
  /** `libcudart.so.13`, one of them. */
  readonly cudart: string;
  /** Folder of `libonnxruntime_providers_cuda.so`, beside the library itself, where it looks for it. */
  readonly folder: string;
}

/** File of the library in the package's folder of a platform. */
const FILES: Readonly<Record<string, string>> = {
  "linux-x64": "linux/x64/libonnxruntime.so.1",
  "linux-arm64": "linux/arm64/libonnxruntime.so.1",
  "darwin-arm64": `darwin/arm64/libonnxruntime.${ORT_RELEASE}.dylib`,
  "win32-x64": "win32/x64/onnxruntime.dll",
  "win32-arm64": "win32/arm64/onnxruntime.dll",
};

const require = createRequire(import.meta.url);

/** Finds the package; undefined where it is not installed. */
export type FindPackage = () => string | undefined;

/** The library that onnxruntime-node ships for a machine. Throws Error with what to do where there is none. */
export function findLibrary(
  { platform, arch }: { platform: string; arch: string },
  find: FindPackage = findInstalled,
): OnnxLibrary {
  const install = `npm install --no-save onnxruntime-node@${ORT_RELEASE}`;
  const file = FILES[`${platform}-${arch}`];
  if (file === undefined) {
    throw new Error(
      `ONNX Runtime has no prebuilt library for ${platform}-${arch}; there are some for ${Object.keys(FILES).join(", ")}.`,
    );
  }
  const folder = find();
  if (folder === undefined) throw new Error(`ONNX Runtime is not installed. Run: ${install}`);
  return { path: join(folder, "bin", "napi-v6", ...file.split("/")), release: ORT_RELEASE, install };
}

/** The provider's file and the one through which it is opened. */
const PROVIDER = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"];

/**
 * The CUDA build and its libraries: in the folder that a placement names, in the cache, or (CUDA's own) where the system's
 * loader finds them. Opens nothing. Throws Error that names the file and the step where one is missing or another release.
 */
export function findCudaLibrary(
  machine: { platform: string; arch: string },
  places: CudaPlaces,
  system: FindInSystem = inThisSystem(env),
): OnnxCudaLibrary {
  requireCudaMachine(machine);
  const install = installCuda(places.cacheDir);
  const folder = findCudaBuild(places);
  for (const file of PROVIDER) {
    if (!existsSync(join(folder, file))) throw new Error(`${join(folder, file)} is missing. Run: ${install}`);
  }
  const preload = findCudaLibraries(CUDA_LIBRARIES, places, system);
  requireCudaDriver(system);
  const [cudart = ""] = preload;
  return {
    path: join(folder, CUDA_FILE),
    release: ORT_RELEASE,
    install,
    preload,
    cudart,
    folder,
  };
}

/** Whether the CUDA build is in a cache; its libraries may lack. */
export const hasCudaBuild = (
  { platform, arch }: { platform: string; arch: string },
  cacheDir: string,
): boolean =>
  `${platform}-${arch}` === CUDA_MACHINE &&
  existsSync(join(packageFolder(cacheDir, ONNX_CUDA_PACKAGE), CUDA_FILE));

const CUDA_FILE = `libonnxruntime.so.${ORT_RELEASE}`;

/** The folder that holds ONNX Runtime itself; the system's is not taken, for it may be any release. */
function findCudaBuild(places: CudaPlaces): string {
  requireNamedFolder(places);
  const named = places.libraries === undefined ? [] : foldersBelow(places.libraries);
  const folders = [...named, packageFolder(places.cacheDir, ONNX_CUDA_PACKAGE)].filter(existsSync);
  const found = folders.find((folder) => existsSync(join(folder, CUDA_FILE)));
  if (found !== undefined) return found;
  const files = folders.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  const other = files.find((path) => /libonnxruntime\.so\.[\d.]+$/.test(path));
  throw new Error(
    other === undefined
      ? `${CUDA_FILE} of ${ONNX_CUDA_PACKAGE.name}, ONNX Runtime for CUDA, is not installed. Run: ${installCuda(places.cacheDir)}`
      : `${other} is another release; this gateway needs ${CUDA_FILE} of ${ONNX_CUDA_PACKAGE.name}. Run: ${installCuda(places.cacheDir)}`,
  );
}

function findInstalled(): string | undefined {
  try {
    return dirname(require.resolve("onnxruntime-node/package.json"));
  } catch {
    return undefined;
  }
}

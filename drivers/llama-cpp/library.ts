import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { env } from "node:process";
import { packageFolder } from "../../src/core/native-package.ts";
import { type FindInSystem, inThisSystem } from "../../src/machine/system-libraries.ts";
import {
  type CudaPlaces,
  findCudaLibraries,
  requireCudaDriver,
  requireNamedFolder,
} from "../local/cuda-libraries.ts";
import { installCuda } from "../local/cuda-packages.ts";
import { LLAMA_CUDA_LIBRARIES, LLAMA_CUDA_PACKAGE } from "./cuda-package.ts";

export type Gpu = "auto" | "cuda" | "vulkan" | "metal" | "none";
type Variant = Exclude<Gpu, "auto">;

/** Release of the platform packages; the same as in package.json, and the one that the start check knows. */
export const PACKAGE_VERSION = "3.21.1";

/** Every package of that release that this binding can open: `<platform>-<arch>[-<variant>]`. */
const PACKAGES: Readonly<Record<string, Readonly<Partial<Record<Variant, string>>>>> = {
  "linux-x64": { none: "linux-x64", cuda: "linux-x64-cuda", vulkan: "linux-x64-vulkan" },
  "linux-arm64": { none: "linux-arm64" },
  "darwin-arm64": { none: "mac-arm64-metal", metal: "mac-arm64-metal" },
  "darwin-x64": { none: "mac-x64" },
  "win32-x64": { none: "win-x64", cuda: "win-x64-cuda", vulkan: "win-x64-vulkan" },
  "win32-arm64": { none: "win-arm64" },
};

/** GPU backends for older drivers are packages of their own: one folder `fallback`. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  "linux-x64-cuda": "linux-x64-cuda-ext",
  "win-x64-cuda": "win-x64-cuda-ext",
};

/** Where one build of llama.cpp lies. */
export interface LibraryFolder {
  /** The command that installs it. */
  readonly install: string;
  readonly llama: string;
  readonly ggml: string;
  readonly ggmlBase: string;
  readonly folder: string;
  /** Folder with a GPU backend for older drivers, of a package of its own, where that is installed. */
  readonly extension: string | undefined;
  /** Full paths of CUDA's libraries, in the order to open them before the build; none for other builds. */
  readonly preload: readonly string[];
}

/** Gives the folder `bins` of an installed platform package, such as `linux-x64`; undefined where it is not installed. */
export type FindPackage = (name: string) => string | undefined;

/** Where a build is looked for, and what it opens. */
export interface LibraryPlaces extends CudaPlaces {
  /** Finds npm's packages, which come before those in the cache. */
  readonly find?: FindPackage;
  readonly system?: FindInSystem;
}

/**
 * The build to use. `auto` prefers a GPU build where one is installed; each of them runs on the CPU as well.
 * Throws with the command to run where the build is not installed, and where there is none for this machine; `cuda` also
 * where a library that it opens is missing.
 */
export function findLibraries(
  gpu: Gpu,
  { platform, arch }: { platform: string; arch: string },
  places: LibraryPlaces,
): LibraryFolder {
  requireNamedFolder(places);
  const find = finderOf(places);
  const variants = PACKAGES[`${platform}-${arch}`];
  if (variants === undefined) {
    throw new Error(
      `llama.cpp has no prebuilt libraries for ${platform}-${arch}; there are some for ${Object.keys(PACKAGES).join(", ")}.`,
    );
  }
  const wanted: readonly Variant[] = gpu === "auto" ? ["metal", "cuda", "vulkan", "none"] : [gpu];
  const names = wanted.map((variant) => variants[variant]).filter((name) => name !== undefined);
  if (names.length === 0) {
    const offered = Object.keys(variants).join(", ");
    throw new Error(
      `gpu: ${gpu} is not to be had on ${platform}-${arch}; choose auto or one of: ${offered}.`,
    );
  }
  for (const name of names) {
    const bins = find(name);
    if (bins === undefined) continue;
    const found = libraryFiles(name, join(bins, name), { find, install: installCommand(name, places) });
    return { ...found, preload: name === CUDA_BUILD ? cudaLibraries(gpu, found, places) : [] };
  }
  const what = gpu === "auto" || gpu === "none" ? "llama.cpp" : `The ${gpu} build of llama.cpp`;
  throw new Error(`${what} is not installed. Run: ${installCommand(names[0] ?? "", places)}`);
}

/** The GPU builds that are installed for this machine. */
export function installedGpuBuilds(
  { platform, arch }: { platform: string; arch: string },
  places: Pick<LibraryPlaces, "cacheDir" | "find">,
): string[] {
  const variants = PACKAGES[`${platform}-${arch}`] ?? {};
  const find = finderOf(places);
  return (["cuda", "vulkan", "metal"] as const).filter((variant) => {
    const name = variants[variant];
    return name !== undefined && find(name) !== undefined;
  });
}

const CUDA_BUILD = "linux-x64-cuda";

function finderOf({ cacheDir, find = findInstalled }: Pick<LibraryPlaces, "cacheDir" | "find">): FindPackage {
  return (name) => find(name) ?? (name === CUDA_BUILD ? inCache(cacheDir) : undefined);
}

function inCache(cacheDir: string): string | undefined {
  const bins = join(packageFolder(cacheDir, LLAMA_CUDA_PACKAGE), "bins");
  return existsSync(bins) ? bins : undefined;
}

/** Where `cuda` is asked for, all must be there; a build for older drivers opens those of CUDA 12 instead. */
function cudaLibraries(
  gpu: Gpu,
  { extension }: Pick<LibraryFolder, "extension">,
  { libraries, cacheDir, system = inThisSystem(env) }: LibraryPlaces,
): string[] {
  const demanded = gpu === "cuda" && extension === undefined;
  // Without the driver the build computes on the CPU, and cuBLAS would only take memory.
  if (!demanded && system("libcuda.so.1") === undefined) return [];
  const wanted = LLAMA_CUDA_LIBRARIES.map((one) => ({ ...one, optional: !demanded }));
  const found = findCudaLibraries(wanted, { libraries, cacheDir }, system);
  if (demanded) requireCudaDriver(system);
  return found;
}

function installCommand(name: string, { cacheDir }: Pick<LibraryPlaces, "cacheDir">): string {
  if (name === CUDA_BUILD) return installCuda(cacheDir);
  const names = [name, EXTENSIONS[name]].filter((each) => each !== undefined);
  const packages = names.map((each) => `@node-llama-cpp/${each}@${PACKAGE_VERSION}`);
  return `npm install --no-save ${packages.join(" ")}`;
}

function libraryFiles(
  name: string,
  folder: string,
  { find, install }: { find: FindPackage; install: string },
): Omit<LibraryFolder, "preload"> {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const file = (pattern: RegExp): string => {
    const found = files.find((each) => pattern.test(each));
    if (found === undefined) {
      throw new Error(`${folder} holds no file like ${pattern.source}. Run: ${install}`);
    }
    return join(folder, found);
  };
  const extension = EXTENSIONS[name];
  const extensionBins = extension === undefined ? undefined : find(extension);
  return {
    install,
    llama: file(/^(lib)?llama(\.\w+)?\.v[\d.]+\.(so|dylib|dll)$/),
    ggml: file(/^(lib)?ggml(\.\w+)?\.v[\d.]+\.(so|dylib|dll)$/),
    ggmlBase: file(/^(lib)?ggml-base\.(so|dylib|dll)$/),
    folder,
    extension: extensionBins === undefined ? undefined : join(extensionBins, name, "fallback"),
  };
}

const require = createRequire(import.meta.url);

function findInstalled(name: string): string | undefined {
  try {
    // The packages export `dist/index.js` only; the libraries lie in `bins` beside `dist`.
    return join(dirname(dirname(require.resolve(`@node-llama-cpp/${name}`))), "bins");
  } catch {
    return undefined;
  }
}

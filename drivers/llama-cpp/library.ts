import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

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
}

/** Gives the folder `bins` of an installed platform package, such as `linux-x64`; undefined where it is not installed. */
export type FindPackage = (name: string) => string | undefined;

/**
 * The build to use. `auto` prefers a GPU build where one is installed; each of them runs on the CPU as well.
 * Throws with the command to run where the build is not installed, and where there is none for this machine.
 */
export function findLibraries(
  gpu: Gpu,
  { platform, arch }: { platform: string; arch: string },
  find: FindPackage = findInstalled,
): LibraryFolder {
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
    if (bins !== undefined) return libraryFiles(name, join(bins, name), find);
  }
  throw new Error(`The libraries of llama.cpp are not installed. Run: ${installCommand(names[0] ?? "")}`);
}

/** The GPU builds that are installed for this machine. */
export function installedGpuBuilds(
  { platform, arch }: { platform: string; arch: string },
  find: FindPackage = findInstalled,
): string[] {
  const variants = PACKAGES[`${platform}-${arch}`] ?? {};
  return (["cuda", "vulkan", "metal"] as const).filter((variant) => {
    const name = variants[variant];
    return name !== undefined && find(name) !== undefined;
  });
}

function installCommand(name: string): string {
  const names = [name, EXTENSIONS[name]].filter((each) => each !== undefined);
  const packages = names.map((each) => `@node-llama-cpp/${each}@${PACKAGE_VERSION}`);
  return `npm install --no-save ${packages.join(" ")}`;
}

function libraryFiles(name: string, folder: string, find: FindPackage): LibraryFolder {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const file = (pattern: RegExp): string => {
    const found = files.find((each) => pattern.test(each));
    if (found === undefined) {
      throw new Error(`${folder} holds no file like ${pattern.source}. Run: ${installCommand(name)}`);
    }
    return join(folder, found);
  };
  const extension = EXTENSIONS[name];
  const extensionBins = extension === undefined ? undefined : find(extension);
  return {
    install: installCommand(name),
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

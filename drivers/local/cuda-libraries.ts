import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { env } from "node:process";
import { type NativePackage, packageFolder } from "../../src/core/native-package.ts";
import { type FindInSystem, inThisSystem } from "../../src/machine/system-libraries.ts";
import { CUDA_MACHINE, installCuda } from "./cuda-packages.ts";

/** Where CUDA's libraries are looked for, in this order; then where the system's loader does. */
export interface CudaPlaces {
  /** Folder that a placement names: the libraries themselves, or a Python environment's `site-packages` that holds them. */
  readonly libraries: string | undefined;
  readonly cacheDir: string;
}

/** A library that an engine opens by its name. */
export interface CudaLibrary {
  readonly soname: string;
  /** What brings it. */
  readonly package: NativePackage;
  /** Opened where it is there; only some models need it. */
  readonly optional?: boolean;
  /** Files beside it that it opens by their names and does not find itself. */
  readonly beside?: RegExp;
}

/** Where wheels and NVIDIA's own installers have libraries, below the folder that is named. */
const BELOW = ["", "lib", "lib64", "onnxruntime/capi", "nvidia/cu13/lib", "nvidia/cudnn/lib"];

export const foldersBelow = (named: string): string[] => BELOW.map((part) => join(named, part));

/** Throws Error where CUDA is not to be had on such a machine. */
export function requireCudaMachine({ platform, arch }: { platform: string; arch: string }): void {
  if (`${platform}-${arch}` === CUDA_MACHINE) return;
  throw new Error(`CUDA is to be had on ${CUDA_MACHINE} only; this is ${platform}-${arch}.`);
}

/** Throws Error where NVIDIA's driver is not there: no package brings it. */
export function requireCudaDriver(system: FindInSystem = inThisSystem(env)): void {
  if (system("libcuda.so.1") !== undefined) return;
  throw new Error(
    "libcuda.so.1 is not found: it comes with NVIDIA's driver, release 580 or newer, which this machine lacks or does not pass into this container (docker run --gpus all).",
  );
}

/**
 * Full paths of libraries, in the given order: that of their dependencies, so that a process which opens them one after
 * the other has each one's own libraries at hand. Throws Error that names the file and the step that brings it.
 */
export function findCudaLibraries(
  wanted: readonly CudaLibrary[],
  places: CudaPlaces,
  system: FindInSystem = inThisSystem(env),
): string[] {
  requireNamedFolder(places);
  return wanted.flatMap((library) => {
    const found = inPlaces(library.soname, library.package, places) ?? system(library.soname);
    if (found !== undefined) return [...filesBeside(found, library), found];
    return library.optional ? [] : [missing(library, places)];
  });
}

function filesBeside(path: string, { beside }: CudaLibrary): string[] {
  const folder = dirname(path);
  if (beside === undefined || !existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => beside.test(file));
  return files.map((file) => join(folder, file));
}

/** A file in the folder that is named, or in an installed package. */
export function inPlaces(
  file: string,
  from: NativePackage,
  { libraries, cacheDir }: CudaPlaces,
): string | undefined {
  const named = libraries === undefined ? [] : foldersBelow(libraries);
  return [...named, packageFolder(cacheDir, from)]
    .map((folder) => join(folder, file))
    .find((path) => existsSync(path));
}

export function requireNamedFolder({ libraries }: CudaPlaces): void {
  if (libraries === undefined || statSync(libraries, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new Error(`${libraries} is no folder; cuda_libraries names the one that holds CUDA's libraries.`);
}

function missing({ soname, package: { name } }: CudaLibrary, places: CudaPlaces): never {
  const other = otherRelease(soname, places);
  const instead = other === undefined ? "" : ` (${other} is another release)`;
  throw new Error(`${soname} of ${name} is not found${instead}. Run: ${installCuda(places.cacheDir)}`);
}

/** `libcudart.so.12` where `libcudart.so.13` is wanted. */
function otherRelease(soname: string, { libraries }: CudaPlaces): string | undefined {
  if (libraries === undefined) return undefined;
  const stem = `${soname.slice(0, soname.indexOf(".so"))}.so.`;
  const files = foldersBelow(libraries)
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  return files.find((path) => basename(path).startsWith(stem));
}

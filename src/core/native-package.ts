import { join } from "node:path";

/** A published package whose shared libraries an engine opens; pinned to the byte. */
export interface NativePackage {
  /** What it is needed for, as `dolly install` takes it: `cuda`. */
  readonly provider: string;
  /** The machines that it is for, such as `linux-x64`. */
  readonly machine: string;
  readonly registry: "pypi" | "npm";
  /** Such as `nvidia-cublas` or `@node-llama-cpp/linux-x64-cuda`. */
  readonly name: string;
  readonly version: string;
  /** The archive's file name in its registry. */
  readonly file: string;
  /** Of the archive. */
  readonly bytes: number;
  /** Of the archive; hexadecimal. */
  readonly sha256: string;
  /** Of what is kept of it. */
  readonly keptBytes: number;
  /** Members of the archive that are kept: their whole paths; the first group is the path in the package's folder. */
  readonly keep: readonly RegExp[];
}

/** What the installer writes beside the libraries, last. */
export const PACKAGE_MANIFEST = "manifest.json";

/** Where the packages of a cache lie. */
export const packagesFolder = (cacheDir: string): string => join(cacheDir, "native");

/** The folder of an installed package; it is there whole or not at all. */
export function packageFolder(
  cacheDir: string,
  { name, version }: Pick<NativePackage, "name" | "version">,
): string {
  return join(packagesFolder(cacheDir), `${name.replace(/^@/, "").replaceAll("/", "-")}-${version}`);
}

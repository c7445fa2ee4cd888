import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  type NativePackage,
  PACKAGE_MANIFEST,
  packageFolder,
  packagesFolder,
} from "../core/native-package.ts";
import { OperatorError } from "../errors.ts";
import { fetchWhole, sizeOf } from "../transfer/fetch-whole.ts";
import { oneAtATime } from "../transfer/one-at-a-time.ts";
import { requireSpace } from "../transfer/require-space.ts";
import { askRegistry } from "./ask-registry.ts";
import { isInstalled, manifestOf } from "./installed.ts";
import { locate } from "./locate.ts";
import type { Registries } from "./registries.ts";
import { unpack } from "./unpack.ts";

export interface Installation {
  readonly cacheDir: string;
  readonly registries: Registries;
  readonly signal: AbortSignal;
  /** What is being done, such as `fetching nvidia-cublas`, and bytes that have come of all that are to come; of 0 while it is not known what is. */
  readonly onProgress: (task: string, done: number, total: number) => void;
}

export interface Installed {
  /** Nothing was missing or damaged. */
  readonly wasThere: boolean;
  /** Of the files that are kept. */
  readonly bytes: number;
}

/** Below it, archives grow until they are whole. */
const DOWNLOADS = "downloads";
/** Says that a process installs. */
const MARK = "installing";

/**
 * Brings packages into a cache: what is there is compared with its hashes, what is missing or damaged is fetched, compared,
 * unpacked and put in place at once. What an earlier try left is gone on with; what another process fetches is waited for. Throws OperatorError, or `signal.reason`.
 */
export async function install(
  packages: readonly NativePackage[],
  installation: Installation,
): Promise<Installed> {
  const { cacheDir, signal } = installation;
  try {
    const turn = {
      mark: join(packagesFolder(cacheDir), MARK),
      signal,
      onWait: () => installation.onProgress("waiting for another dolly install", 0, 0),
    };
    return await oneAtATime(turn, () => installMissing(packages, installation));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    throw new OperatorError(`${packagesFolder(cacheDir)}: ${error.message}`, { cause: error });
  }
}

async function installMissing(
  packages: readonly NativePackage[],
  installation: Installation,
): Promise<Installed> {
  const { cacheDir, onProgress, signal } = installation;
  const missing: NativePackage[] = [];
  for (const one of packages) {
    onProgress(`checking ${one.name}`, 0, 0);
    if (!(await isWhole(cacheDir, one, signal))) missing.push(one);
  }
  await requireRoom(missing, cacheDir);
  const total = missing.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const one of missing) {
    const told = (task: string, bytes = 0): void => {
      done += bytes;
      onProgress(`${task} ${one.name}`, done, total);
    };
    await installOne(one, installation, told);
  }
  await rmdir(join(packagesFolder(cacheDir), DOWNLOADS)).catch(() => undefined);
  return {
    wasThere: missing.length === 0,
    bytes: packages.reduce((sum, { keptBytes }) => sum + keptBytes, 0),
  };
}

async function isWhole(cacheDir: string, wanted: NativePackage, signal: AbortSignal): Promise<boolean> {
  if (!(await isInstalled(cacheDir, wanted))) return false;
  for (const { name, sha256 } of (await manifestOf(cacheDir, wanted))?.files ?? []) {
    if ((await hashOf(join(packageFolder(cacheDir, wanted), name), signal)) !== sha256) return false;
  }
  return true;
}

/** The largest archive lies beside what came out of it; each goes before the next comes. */
async function requireRoom(missing: readonly NativePackage[], cacheDir: string): Promise<void> {
  let kept = 0;
  let largest = 0;
  for (const { file, bytes, keptBytes } of missing) {
    kept += keptBytes;
    largest = Math.max(largest, bytes - (await sizeOf(archiveOf(cacheDir, file))));
  }
  await requireSpace(packagesFolder(cacheDir), kept + largest, "--cache-dir");
}

const archiveOf = (cacheDir: string, file: string): string => join(packagesFolder(cacheDir), DOWNLOADS, file);

async function installOne(
  wanted: NativePackage,
  { cacheDir, registries, signal }: Installation,
  told: (task: string, bytes?: number) => void,
): Promise<void> {
  const registry = wanted.registry === "pypi" ? registries.pypi : registries.npm(wanted.name);
  const what = `${wanted.name} ${wanted.version}`;
  const archive = archiveOf(cacheDir, wanted.file);
  told("looking for");
  const url = await locate(wanted, registry, signal);
  await mkdir(join(packagesFolder(cacheDir), DOWNLOADS), { recursive: true });
  const remote = {
    what,
    bytes: wanted.bytes,
    hash: wanted.sha256,
    listed: "this release of the gateway expects",
    server: new URL(url).origin,
    ask: (range: string | undefined) => askRegistry(registry, url, { what, accept: "*/*", range, signal }),
    hashOf: (path: string) => hashOf(path, signal),
  };
  const onBytes = (bytes: number): void => told("fetching", bytes);
  // It keeps its name: one that was stopped while it was unpacked is not fetched again.
  await fetchWhole(remote, { partial: archive, target: archive, signal, onBytes });
  told("unpacking");
  await putInPlace(archive, wanted, { cacheDir, signal });
  await rm(archive);
}

/** The package's folder appears whole; processes that have an older one open keep it. */
async function putInPlace(
  archive: string,
  wanted: NativePackage,
  { cacheDir, signal }: Pick<Installation, "cacheDir" | "signal">,
): Promise<void> {
  const folder = packageFolder(cacheDir, wanted);
  const temporary = `${folder}.${randomUUID()}.tmp`;
  try {
    const files = await unpack(archive, wanted, { folder: temporary, signal });
    const manifest = JSON.stringify({ archive: wanted.sha256, files }, null, 2);
    await writeFile(join(temporary, PACKAGE_MANIFEST), `${manifest}\n`);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function hashOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest("hex");
}

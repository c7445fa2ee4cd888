import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { packagesFolder } from "../core/native-package.ts";

/** One converted model, one that was pulled, or one package of libraries. */
export interface CacheEntry {
  readonly kind: "converted" | "pulled" | "installed";
  /** What it is, such as `dolly-v2-3b-q4_0.gguf`, `databricks/dolly-v2-3b` or `nvidia-cublas-13.1.0.3`. */
  readonly name: string;
  readonly folder: string;
  readonly bytes: number;
  /** Milliseconds since 1970 when it was last written or read, as far as the file system says. */
  readonly usedAt: number;
  /** When it was last written. */
  readonly changedAt: number;
}

const MANIFEST = "manifest.json";

/** What a converted entry says of its files (drivers/local/model-cache.ts writes it), and an installed one (src/native/install.ts). */
const manifestSchema = z.looseObject({
  files: z.array(z.looseObject({ name: z.string(), bytes: z.number(), sha256: z.string() })).min(1),
});

/** Bytes of all files below a folder; links are not followed. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    bytes += await stat(join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}

/** The models that were converted into a cache folder. */
export async function convertedEntries(cacheDir: string): Promise<CacheEntry[]> {
  const found: CacheEntry[] = [];
  for (const { name, isDirectory } of await folders(cacheDir)) {
    if (!isDirectory || !/^[0-9a-f]{32}$/.test(name)) continue;
    const folder = join(cacheDir, name);
    const files = await manifestOf(folder);
    found.push({
      kind: "converted",
      name: files?.map((file) => file.name).join(" + ") ?? "(unfinished, or of another release)",
      folder,
      bytes: await folderBytes(folder),
      ...(await timesOf(folder)),
    });
  }
  return found;
}

/** The packages of libraries that `dolly install` brought into a cache folder, and what it left of others. */
export async function installedEntries(cacheDir: string): Promise<CacheEntry[]> {
  const found: CacheEntry[] = [];
  for (const { name, isDirectory } of await folders(packagesFolder(cacheDir))) {
    if (!isDirectory) continue;
    const folder = join(packagesFolder(cacheDir), name);
    const times = await timesOf(folder);
    found.push({ kind: "installed", name, folder, bytes: await folderBytes(folder), ...times });
  }
  return found;
}

/** The repositories in the Hugging Face Hub's cache. */
export async function pulledEntries(hubCache: string): Promise<CacheEntry[]> {
  const found: CacheEntry[] = [];
  for (const { name, isDirectory } of await folders(hubCache)) {
    if (!isDirectory || !name.startsWith("models--")) continue;
    const folder = join(hubCache, name);
    found.push({
      kind: "pulled",
      name: name.slice("models--".length).replace("--", "/"),
      folder,
      bytes: await folderBytes(folder),
      ...(await timesOf(folder)),
    });
  }
  return found;
}

async function folders(folder: string) {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
}

async function manifestOf(folder: string) {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, MANIFEST), "utf8"))).files;
  } catch {
    return undefined;
  }
}

/** The latest times of its files, as far as the file system keeps them (many note a read once a day only). */
async function timesOf(folder: string): Promise<Pick<CacheEntry, "usedAt" | "changedAt">> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  let [usedAt, changedAt] = [0, 0];
  for (const entry of entries) {
    // To look at the manifest is no use of the model; a conversion begins with a folder that has no file yet.
    const counts = entry.isFile() ? entry.name !== MANIFEST : entry.name.endsWith(".tmp");
    if (!counts) continue;
    const times = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    changedAt = Math.max(changedAt, times?.mtimeMs ?? 0);
    usedAt = Math.max(usedAt, changedAt, times?.atimeMs ?? 0);
  }
  return { usedAt, changedAt };
}

/** What is wrong with an entry; undefined where it is whole. Every byte is read. */
export async function damageOf(entry: CacheEntry): Promise<string | undefined> {
  return entry.kind === "pulled" ? damagedPull(entry.folder) : damagedFiles(entry.folder);
}

async function damagedFiles(folder: string): Promise<string | undefined> {
  const files = await manifestOf(folder);
  if (files === undefined) return "was not finished";
  for (const { name, sha256 } of files) {
    const hash = await hashOf(join(folder, name), "sha256").catch(() => undefined);
    if (hash === undefined) return `${name} is missing`;
    if (hash !== sha256) return `${name} is damaged`;
  }
  return undefined;
}

/** Files of the Hub's cache are named by their content: SHA-256, or git's SHA-1 of a blob. */
async function damagedPull(folder: string): Promise<string | undefined> {
  const blobs = join(folder, "blobs");
  for (const { name } of await folders(blobs)) {
    const path = join(blobs, name);
    if (name.endsWith(".incomplete")) return `${name.slice(0, 12)}… has not come whole`;
    const known = /^[0-9a-f]{64}$/.test(name) ? "sha256" : /^[0-9a-f]{40}$/.test(name) ? "git" : undefined;
    if (known !== undefined && (await hashOf(path, known)) !== name)
      return `${name.slice(0, 12)}… is damaged`;
  }
  return undefined;
}

async function hashOf(path: string, kind: "sha256" | "git"): Promise<string> {
  const hash = createHash(kind === "git" ? "sha1" : "sha256");
  if (kind === "git") hash.update(`blob ${(await stat(path)).size}\0`);
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

export const removeEntry = (entry: CacheEntry): Promise<void> =>
  rm(entry.folder, { recursive: true, force: true });

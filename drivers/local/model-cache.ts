import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { writeAtomically } from "./atomic-write.ts";
import { fileFault, identityOf } from "./checkpoint/files.ts";

export interface CacheRequest {
  readonly cacheDir: string;
  /** What the file depends on: the source's content, the type, the converter's version. */
  readonly key: readonly string[];
  /** Base name of the file, such as `dolly-v2-3b-f16.gguf`. */
  readonly fileName: string;
  /** Writes the file at the path it is given, and says what it wrote; the same bytes for the same key, every time. */
  make(temporaryPath: string): Promise<{ readonly bytes: number; readonly sha256: string }>;
  readonly signal?: AbortSignal;
}

const MANIFEST = "manifest.json";
const manifestSchema = z.object({
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Size, time of change and inode of the file when its content was last compared with the hash. */
  seen: z.string(),
});
type Manifest = z.output<typeof manifestSchema>;

/** A temporary file is left over once this much older than a new one, in milliseconds. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000;

/**
 * The path of a file in the cache, which is made where it is missing or damaged. An entry is a folder named by its key,
 * with the file and a manifest. A file that looks as when it was last checked is trusted; one that does not is read again
 * and compared with its SHA-256.
 *
 * Two processes may make the same entry at once. Both write temporary files of their own; the second to finish finds the
 * first one's entry and drops its own. Since both would hold the same bytes, no lock is needed, and none can be left
 * behind by a process that died.
 */
export async function cachedModel(request: CacheRequest): Promise<string> {
  const { cacheDir, key, fileName, make, signal } = request;
  const entry = createHash("sha256").update(JSON.stringify([fileName, ...key]));
  const folder = join(cacheDir, entry.digest("hex").slice(0, 32));
  const path = join(folder, fileName);
  if (await isWhole(folder, path, signal)) return path;
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw fileFault(folder, error);
  });
  const temporary = join(folder, `${fileName}.${randomUUID()}.tmp`);
  try {
    const made = await make(temporary);
    signal?.throwIfAborted();
    await removeLeftOvers(folder, temporary);
    if (await isWhole(folder, path, signal)) return path;
    await rename(temporary, path).catch(async (error: unknown) => {
      // Windows does not replace a file that another process has open: then it is the one that process made.
      if (!(await isWhole(folder, path, signal))) throw error;
    });
    await writeManifest(folder, { ...made, seen: await look(path) });
    return path;
  } catch (error) {
    signal?.throwIfAborted();
    throw fileFault(folder, error);
  } finally {
    await rm(temporary, { force: true });
  }
}

const look = async (path: string): Promise<string> => identityOf(await stat(path, { bigint: true }));

async function isWhole(folder: string, path: string, signal: AbortSignal | undefined): Promise<boolean> {
  const manifest = await readManifest(folder);
  if (!manifest) return false;
  try {
    const seen = await look(path);
    if (seen === manifest.seen) return true;
    if (Number(seen.split("-")[0]) !== manifest.bytes) return false;
    const hash = createHash("sha256");
    await pipeline(createReadStream(path), hash, { signal });
    if (hash.digest("hex") !== manifest.sha256) return false;
    await writeManifest(folder, { ...manifest, seen });
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, MANIFEST), "utf8")));
  } catch {
    return undefined;
  }
}

const writeManifest = (folder: string, manifest: Manifest): Promise<void> =>
  writeAtomically(join(folder, MANIFEST), JSON.stringify(manifest));

/** Removes temporary files of processes that died; the file system's own clock says which are old. */
async function removeLeftOvers(folder: string, own: string): Promise<void> {
  const { mtimeMs } = await stat(own);
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".tmp")) continue;
    const path = join(folder, name);
    const age = await stat(path).then(
      (entry) => mtimeMs - entry.mtimeMs,
      () => 0,
    );
    if (age > LEFT_OVER_MS) await rm(path, { force: true });
  }
}

import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { writeAtomically } from "../../src/machine/atomic-write.ts";
import { fileFault, identityOf } from "./checkpoint/files.ts";

/** A file of an entry, as it was written. */
export interface MadeFile {
  /** Base name, such as `dolly-v2-3b-f16.gguf`. */
  readonly name: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface CacheRequest {
  readonly cacheDir: string;
  /** What the files depend on: the source's name and content, the type, the converter's version. */
  readonly key: readonly string[];
  /** Writes files into the folder that it is given, and says which; the same bytes for the same key, every time. */
  make(temporaryFolder: string): Promise<readonly MadeFile[]>;
  readonly signal?: AbortSignal;
}

const MANIFEST = "manifest.json";
const manifestSchema = z.object({
  files: z
    .array(
      z.object({
        name: z.string().regex(/^[^/\\]+$/),
        bytes: z.int().min(0),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        /** Size, time of change and inode of the file when its content was last compared with the hash. */
        seen: z.string(),
      }),
    )
    .min(1),
});
type Manifest = z.output<typeof manifestSchema>;
type SeenFile = Manifest["files"][number];

/** A temporary folder is left over once this much older than a new one, in milliseconds. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000;

/**
 * The folder of an entry in the cache, which is made where it is missing or damaged. It is named by its key, and holds
 * the entry's files and a manifest. A file that looks as when it was last checked is trusted; one that does not is read
 * again and compared with its SHA-256.
 *
 * Two processes may make the same entry at once. Both write into temporary folders of their own; the second to finish
 * finds the first one's entry and drops its own. Since both would hold the same bytes, no lock is needed, and none can
 * be left behind by a process that died.
 */
export async function cachedModel(request: CacheRequest): Promise<string> {
  const { cacheDir, key, make, signal } = request;
  const entry = createHash("sha256").update(JSON.stringify(key)).digest("hex");
  const folder = join(cacheDir, entry.slice(0, 32));
  if (await isWhole(folder, signal)) return folder;
  const temporary = join(folder, `${randomUUID()}.tmp`);
  await mkdir(temporary, { recursive: true }).catch((error: unknown) => {
    throw fileFault(folder, error);
  });
  try {
    const made = await make(temporary);
    signal?.throwIfAborted();
    await removeLeftOvers(folder, temporary);
    if (await isWhole(folder, signal)) return folder;
    for (const { name } of made) await moveInto(folder, temporary, name, signal);
    const files = await Promise.all(
      made.map(async (file) => ({ ...file, seen: await look(join(folder, file.name)) })),
    );
    await writeManifest(folder, { files });
    return folder;
  } catch (error) {
    signal?.throwIfAborted();
    throw fileFault(folder, error);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function moveInto(
  folder: string,
  temporary: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await rename(join(temporary, name), join(folder, name)).catch(async (error: unknown) => {
    // Windows does not replace a file that another process has open: then it is the one that process made.
    if (!(await isWhole(folder, signal))) throw error;
  });
}

const look = async (path: string): Promise<string> => identityOf(await stat(path, { bigint: true }));

async function isWhole(folder: string, signal: AbortSignal | undefined): Promise<boolean> {
  const manifest = await readManifest(folder);
  if (!manifest) return false;
  try {
    const files: SeenFile[] = [];
    for (const file of manifest.files) {
      const checked = await check(join(folder, file.name), file, signal);
      if (checked === undefined) return false;
      files.push(checked);
    }
    const changed = files.some(({ seen }, index) => seen !== manifest.files[index]?.seen);
    if (changed) await writeManifest(folder, { files });
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

/** The file as it looks now; undefined where its content is another. */
async function check(
  path: string,
  file: SeenFile,
  signal: AbortSignal | undefined,
): Promise<SeenFile | undefined> {
  const seen = await look(path);
  if (seen === file.seen) return file;
  if (Number(seen.split("-")[0]) !== file.bytes) return undefined;
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest("hex") === file.sha256 ? { ...file, seen } : undefined;
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

/** Removes what processes left that died; the file system's own clock says what is old. */
async function removeLeftOvers(folder: string, own: string): Promise<void> {
  const { mtimeMs } = await stat(own);
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".tmp")) continue;
    const path = join(folder, name);
    const age = await stat(path).then(
      (entry) => mtimeMs - entry.mtimeMs,
      () => 0,
    );
    if (age > LEFT_OVER_MS) await rm(path, { recursive: true, force: true });
  }
}

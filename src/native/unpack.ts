import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { createTarDecoder } from "modern-tar";
import { openPromise } from "yauzl";
import type { NativePackage } from "../core/native-package.ts";
import { OperatorError } from "../errors.ts";
import type { PackageManifest } from "./installed.ts";

type KeptFile = PackageManifest["files"][number];

/** Writes one member of an archive, by its path there, where it is kept. */
type Keep = (path: string, content: () => Promise<Readable>) => Promise<void>;

/**
 * Writes what is kept of a package's archive below a folder and gives its files. The archive has been compared with its hash;
 * still no member can leave the folder, for the package's patterns name them. Throws OperatorError.
 */
export async function unpack(
  archive: string,
  wanted: NativePackage,
  { folder, signal }: { folder: string; signal: AbortSignal },
): Promise<KeptFile[]> {
  const files: KeptFile[] = [];
  const keep: Keep = async (path, content) => {
    const name = wanted.keep.map((pattern) => pattern.exec(path)?.[1]).find((found) => found !== undefined);
    if (name === undefined) return;
    signal.throwIfAborted();
    files.push({ name, ...(await write(await content(), join(folder, name), signal)) });
  };
  await (wanted.registry === "pypi" ? eachInZip(archive, keep) : eachInTarball(archive, keep));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes === wanted.keptBytes) return files;
  throw new OperatorError(
    `${wanted.file}: holds ${bytes} bytes of libraries where ${wanted.keptBytes} are expected`,
  );
}

async function eachInZip(archive: string, keep: Keep): Promise<void> {
  const zip = await openPromise(archive);
  for await (const entry of zip.eachEntry()) {
    await keep(entry.fileName, () => zip.openReadStreamPromise(entry));
  }
}

async function eachInTarball(archive: string, keep: Keep): Promise<void> {
  const bytes = Readable.toWeb(createReadStream(archive).pipe(createGunzip()));
  for await (const { header, body } of bytes.pipeThrough(createTarDecoder())) {
    let taken = false;
    if (header.type === "file") {
      await keep(header.name, async () => {
        taken = true;
        return Readable.fromWeb(body);
      });
    }
    // The next member comes once this one has been read.
    if (!taken) await body.cancel();
  }
}

async function write(
  content: Readable,
  path: string,
  signal: AbortSignal,
): Promise<{ bytes: number; sha256: string }> {
  await mkdir(dirname(path), { recursive: true });
  const hash = createHash("sha256");
  let bytes = 0;
  await pipeline(
    content,
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(path),
    { signal },
  );
  return { bytes, sha256: hash.digest("hex") };
}

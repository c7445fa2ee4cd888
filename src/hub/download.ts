import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, open, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { OperatorError } from "../errors.ts";
import type { Hub, Repository } from "./hub.ts";
import { askHub, type HubFile, reasonOf } from "./listing.ts";

export interface Download {
  readonly repository: Repository;
  readonly commit: string;
  readonly file: HubFile;
  /** Of the repository in the cache. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Bytes that have come since the last call; negative where some are fetched anew. */
  readonly onBytes: (bytes: number) => void;
}

/** Connections that may be cut without a byte having come. */
const MOST_FAILURES = 3;

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/**
 * Fetches a file into the cache, as `huggingface_hub` keeps it: its content below `blobs`, named by its hash, and a link to it in
 * the snapshot. What an earlier try left is gone on with; the whole is compared with its hash before it counts. Throws OperatorError.
 */
export async function download(hub: Hub, job: Download): Promise<void> {
  const { folder, commit, file, onBytes } = job;
  const blob = join(folder, "blobs", file.hash);
  const link = join(folder, "snapshots", commit, file.name);
  await mkdir(dirname(blob), { recursive: true });
  await mkdir(dirname(link), { recursive: true });
  if ((await sizeOf(blob)) !== file.bytes) await fetchBlob(hub, job, blob);
  else onBytes(file.bytes);
  await rm(link, { force: true });
  await symlink(relative(dirname(link), blob), link).catch(() => copyFile(blob, link));
}

async function fetchBlob(hub: Hub, job: Download, blob: string): Promise<void> {
  const { repository, file, onBytes } = job;
  const partial = `${blob}.incomplete`;
  const before = await sizeOf(partial);
  onBytes(Math.min(before, file.bytes));
  for (let failures = 0; (await sizeOf(partial)) !== file.bytes; ) {
    const had = await sizeOf(partial);
    try {
      await append(hub, job, partial);
    } catch (error) {
      job.signal.throwIfAborted();
      if (error instanceof OperatorError) throw error;
      failures = (await sizeOf(partial)) > had ? 0 : failures + 1;
      if (failures >= MOST_FAILURES) {
        throw new OperatorError(
          `${repository.id}: ${file.name}: the connection is cut again and again (${reasonOf(error)}); what has come is kept, and the same command goes on from there`,
          { cause: error },
        );
      }
    }
  }
  const found = await hashOf(partial, file);
  if (found !== file.hash) {
    await rm(partial, { force: true });
    throw new OperatorError(
      `${repository.id}: ${file.name}: what came is not what the Hub lists (its hash is ${found.slice(0, 12)}…, not ${file.hash.slice(0, 12)}…); run the same command again`,
    );
  }
  await rename(partial, blob);
}

/** Adds what is missing to a file that has its beginning. Throws OperatorError, or what cut the connection. */
async function append(
  hub: Hub,
  { repository, commit, file, signal, onBytes }: Download,
  partial: string,
): Promise<void> {
  let have = await sizeOf(partial);
  if (have > file.bytes) {
    await rm(partial, { force: true });
    onBytes(-file.bytes);
    have = 0;
  }
  const path = `/${repository.id}/resolve/${commit}/${file.name.split("/").map(encodeURIComponent).join("/")}`;
  const range = have > 0 ? { range: `bytes=${have}-` } : {};
  const response = await askHub(hub, path, { what: `${repository.id}: ${file.name}`, signal, ...range });
  const goesOn = response.status === 206;
  if (!goesOn && have > 0) onBytes(-have);
  if (response.status === 416) {
    await response.body?.cancel();
    await rm(partial, { force: true });
    return;
  }
  const target = await open(partial, goesOn ? "a" : "w");
  let length = goesOn ? have : 0;
  try {
    for await (const chunk of response.body ?? []) {
      await target.write(chunk);
      length += chunk.length;
      onBytes(chunk.length);
      if (length > file.bytes) throw new Error(`more comes than the ${file.bytes} bytes that are listed`);
    }
  } finally {
    await target.close();
  }
  if (length === file.bytes) return;
  if (
    length < file.bytes &&
    response.headers.get("content-length") === String(length - (goesOn ? have : 0))
  ) {
    // All that the server wants to give, such as the pointer to a large file instead of it.
    await rm(partial, { force: true });
    throw new OperatorError(
      `${repository.id}: ${file.name}: ${hub.endpoint} gives ${length} bytes of the ${file.bytes} that it lists`,
    );
  }
  throw new Error(`the connection ended after ${length} of ${file.bytes} bytes`);
}

async function hashOf(path: string, { large, bytes }: HubFile): Promise<string> {
  const hash = createHash(large ? "sha256" : "sha1");
  if (!large) hash.update(`blob ${bytes}\0`);
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

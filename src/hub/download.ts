import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, rm, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { fetchWhole, sizeOf } from "../transfer/fetch-whole.ts";
import type { Hub, Repository } from "./hub.ts";
import { askHub, type HubFile } from "./listing.ts";

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
  const { repository, commit, file, signal, onBytes } = job;
  const path = `/${repository.id}/resolve/${commit}/${file.name.split("/").map(encodeURIComponent).join("/")}`;
  const what = `${repository.id}: ${file.name}`;
  const remote = {
    what,
    bytes: file.bytes,
    hash: file.hash,
    listed: "the Hub lists",
    server: hub.endpoint,
    ask: (range: string | undefined) =>
      askHub(hub, path, { what, signal, ...(range === undefined ? {} : { range }) }),
    hashOf: (found: string) => hashOf(found, file),
  };
  await fetchWhole(remote, { partial: `${blob}.incomplete`, target: blob, signal, onBytes });
}

async function hashOf(path: string, { large, bytes }: HubFile): Promise<string> {
  const hash = createHash(large ? "sha256" : "sha1");
  if (!large) hash.update(`blob ${bytes}\0`);
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OperatorError } from "../errors.ts";
import { sizeOf } from "../transfer/fetch-whole.ts";
import { oneAtATime } from "../transfer/one-at-a-time.ts";
import { requireSpace } from "../transfer/require-space.ts";
import { download } from "./download.ts";
import { type Hub, keptSnapshot, type Repository, repositoryFolder } from "./hub.ts";
import { type HubFile, listFiles, neededFiles } from "./listing.ts";

export interface Pulled {
  /** The snapshot's folder: a checkpoint. */
  readonly folder: string;
  readonly commit: string;
  readonly bytes: number;
}

/** Called with what has come and what there is, in bytes. */
export type OnProgress = (done: number, total: number) => void;

interface Fetching {
  readonly commit: string;
  readonly needed: readonly HubFile[];
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** Says that a process fetches files of a repository. */
const MARK = "dolly-pull";

/**
 * Fetches what a model is served with into Hugging Face's cache, where transformers finds it too; what is there already is not
 * fetched again, and what another process fetches is waited for. Throws OperatorError that says what to do, or `signal.reason`.
 */
export async function pull(
  hub: Hub,
  repository: Repository,
  { signal, onProgress }: { signal: AbortSignal; onProgress: OnProgress },
): Promise<Pulled> {
  const folder = repositoryFolder(hub, repository);
  if (hub.offline) {
    const kept = await keptSnapshot(hub, repository);
    if (kept !== undefined) return { folder: kept, commit: kept.split(/[/\\]/).at(-1) ?? "", bytes: 0 };
  }
  const { commit, files } = await listFiles(hub, repository, signal);
  const needed = neededFiles(files);
  if (!needed.some(({ name }) => /\.(?:safetensors|bin)$/.test(name))) {
    throw new OperatorError(
      `${repository.id}: holds no weights that are served (model.safetensors or pytorch_model.bin, or their shards)`,
    );
  }
  const fetching = { commit, needed, signal, onProgress };
  if (await isThere(folder, repository, fetching)) {
    const bytes = sumOf(needed);
    onProgress(bytes, bytes);
    return { folder: join(folder, "snapshots", commit), commit, bytes };
  }
  return oneAtATime({ mark: join(folder, MARK), signal }, () => fetchFiles(hub, repository, fetching));
}

const sumOf = (files: readonly HubFile[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

/** Whether nothing is left to be written: the cache may be one that cannot be written to. */
async function isThere(
  folder: string,
  { revision }: Repository,
  { commit, needed }: Pick<Fetching, "commit" | "needed">,
): Promise<boolean> {
  const sizes = await Promise.all(needed.map(({ name }) => sizeOf(join(folder, "snapshots", commit, name))));
  if (!needed.every(({ bytes }, at) => sizes[at] === bytes)) return false;
  if (revision === commit) return true;
  return commit === (await readFile(join(folder, "refs", revision), "utf8").catch(() => undefined));
}

/** The files of a commit into the cache. */
async function fetchFiles(
  hub: Hub,
  repository: Repository,
  { commit, needed, signal, onProgress }: Fetching,
): Promise<Pulled> {
  const folder = repositoryFolder(hub, repository);
  await requireRoom(hub, folder, needed);
  const total = sumOf(needed);
  let done = 0;
  const onBytes = (bytes: number): void => {
    done += bytes;
    onProgress(done, total);
  };
  for (const file of needed) await download(hub, { repository, commit, file, folder, signal, onBytes });
  if (repository.revision !== commit) {
    const ref = join(folder, "refs", repository.revision);
    await mkdir(dirname(ref), { recursive: true });
    await writeFile(ref, commit);
  }
  return { folder: join(folder, "snapshots", commit), commit, bytes: total };
}

/** Throws OperatorError where the disk has no room for what is missing. */
async function requireRoom({ cache }: Hub, folder: string, files: readonly HubFile[]): Promise<void> {
  let missing = 0;
  for (const { hash, bytes } of files) {
    const blob = join(folder, "blobs", hash);
    const sizes = await Promise.all([sizeOf(blob), sizeOf(`${blob}.incomplete`)]);
    missing += Math.max(0, bytes - Math.max(...sizes));
  }
  await requireSpace(cache, missing, "HF_HUB_CACHE");
}

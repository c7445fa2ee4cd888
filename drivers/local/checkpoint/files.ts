import type { BigIntStats } from "node:fs";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { OperatorError } from "../../../src/errors.ts";

/** A file opened for positional reads. */
export interface OpenFile {
  readonly path: string;
  /** In bytes, when it was opened. */
  readonly size: number;
  /** Fills `target` from `position` on; throws OperatorError where the file ends before. */
  read(position: number, target: Uint8Array): Promise<void>;
  /** What tells this content from an earlier one without reading it. */
  identity(): Promise<string>;
  close(): Promise<void>;
}

export const fault = (path: string, problem: string, cause?: unknown): OperatorError =>
  new OperatorError(`${path}: ${problem}`, { cause });

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

/** A failure of the file system, for people; any other error is returned as it is. */
export function fileFault(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  if (code === "ENOENT") return fault(path, "no such file or folder", error);
  if (code === "EACCES" || code === "EPERM") return fault(path, "permission denied", error);
  if (code === "ENOSPC") return fault(path, "no space left on the disk", error);
  return fault(path, error instanceof Error ? error.message : String(error), error);
}

/** Opens a plain file for reading. Throws OperatorError that names it. */
export async function openFile(path: string): Promise<OpenFile> {
  // A named pipe would block for ever without O_NONBLOCK, which Windows does not have.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, flags).catch((error: unknown) => {
    throw fileFault(path, error);
  });
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw fault(path, "is not a plain file");
    return {
      path,
      size: stat.size,
      read: (position, target) => readExactly(path, handle, position, target),
      identity: async () => identityOf(await handle.stat({ bigint: true })),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readExactly(
  path: string,
  handle: FileHandle,
  position: number,
  target: Uint8Array,
): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle
      .read(target, done, target.length - done, position + done)
      .catch((error: unknown) => {
        throw fileFault(path, error);
      });
    if (bytesRead === 0) throw fault(path, `ends at byte ${position + done}; more was promised (truncated?)`);
    done += bytesRead;
  }
}

/**
 * Opens a file of a checkpoint folder by its name, following symbolic links only within the folder or, in a Hugging
 * Face cache (`<repository>/snapshots/<revision>`), to the repository's `blobs`.
 */
export async function openInside(folder: string, name: string): Promise<OpenFile> {
  const path = join(folder, name);
  if (
    name !== basename(name) ||
    name === "." ||
    name === ".." ||
    name.includes("\\") ||
    name.includes("\0")
  ) {
    throw fault(folder, `the file name ${JSON.stringify(name)} leaves the folder`);
  }
  try {
    const [root, target] = await Promise.all([realpath(folder), realpath(path)]);
    const snapshots = dirname(root);
    const allowed = basename(snapshots) === "snapshots" ? [root, join(dirname(snapshots), "blobs")] : [root];
    if (!allowed.some((parent) => isInside(parent, target))) {
      throw fault(path, "is a symbolic link that leaves the folder");
    }
    return { ...(await openFile(target)), path };
  } catch (error) {
    throw fileFault(path, error);
  }
}

function isInside(parent: string, path: string): boolean {
  const step = relative(parent, path);
  return step !== "" && !step.startsWith("..") && !isAbsolute(step);
}

/** Whether the folder has an entry of this name, whatever it is. */
export async function hasEntry(folder: string, name: string): Promise<boolean> {
  return lstat(join(folder, name)).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === "ENOENT") return false;
      throw fileFault(join(folder, name), error);
    },
  );
}

/** A whole small file as text; one larger than `limit` bytes is refused. */
export async function readText(folder: string, name: string, limit: number): Promise<string> {
  const file = await openInside(folder, name);
  try {
    if (file.size > limit)
      throw fault(file.path, `is larger than the ${limit} bytes that are allowed for it`);
    const bytes = new Uint8Array(file.size);
    await file.read(0, bytes);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw fault(file.path, "is not valid UTF-8", error);
    throw error;
  } finally {
    await file.close();
  }
}

/** The value of a JSON text; throws OperatorError that names the file. */
export function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fault(path, `is not valid JSON (${error instanceof Error ? error.message : String(error)})`, error);
  }
}

/** What tells a file from a changed one without reading it: size, time of change and inode. */
export function identityOf({ size, mtimeNs, ino }: BigIntStats): string {
  return `${size}-${mtimeNs}-${ino}`;
}

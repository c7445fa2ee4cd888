import { mkdir, statfs } from "node:fs/promises";
import { gigabytes } from "../core/gigabytes.ts";
import { OperatorError } from "../errors.ts";

/** Throws OperatorError where a folder's disk has no room for so many bytes. `other`: how another folder is named. */
export async function requireSpace(folder: string, bytes: number, other: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  throw new OperatorError(
    `${folder}: has ${gigabytes(bavail * bsize)} free, and ${gigabytes(bytes)} are to be fetched; make room, or name another folder with ${other}`,
  );
}

import { gigabytes } from "../core/gigabytes.ts";
import { OperatorError } from "../errors.ts";
import { freeSpace } from "../machine/free-space.ts";

/** Throws OperatorError where a folder's disk has no room for so many bytes. `other`: how another folder is named. */
export async function requireSpace(folder: string, bytes: number, other: string): Promise<void> {
  const free = await freeSpace(folder);
  if (free >= bytes) return;
  throw new OperatorError(
    `${folder}: has ${gigabytes(free)} free, and ${gigabytes(bytes)} are to be fetched; make room, or name another folder with ${other}`,
  );
}

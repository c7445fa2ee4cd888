import { mkdir, statfs } from "node:fs/promises";

/** Bytes that are free on a folder's disk; the folder is made where there is none. Throws system errors. */
export async function freeSpace(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

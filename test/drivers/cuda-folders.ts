import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach } from "vitest";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new folder that holds files of these names, each below it by its path. It goes after the test. */
export function folderWith(...files: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "dolly-cuda-"));
  folders.push(folder);
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), "");
  }
  return folder;
}

/** A loader that knows libraries in one folder of the system. */
export const loaderWith =
  (...sonames: readonly string[]) =>
  (soname: string): string | undefined =>
    sonames.includes(soname) ? join("/usr/lib64", soname) : undefined;

/** What `dolly install cuda` leaves of a package. */
export const inCache = (folder: string, files: readonly string[]): string[] =>
  files.map((file) => join("native", folder, file));

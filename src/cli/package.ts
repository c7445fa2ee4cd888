import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package, in a checkout and below `dist` alike. */
export const packageFolder = folderWith("package.json", dirname(fileURLToPath(import.meta.url)));

export const packageVersion = readVersion(join(packageFolder, "package.json"));

function folderWith(name: string, start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, name))) return folder;
    if (folder === dirname(folder)) throw new Error(`no ${name} in or above ${start}`);
  }
}

function readVersion(file: string): string {
  const { version }: { version: string } = JSON.parse(readFileSync(file, "utf8"));
  return version;
}

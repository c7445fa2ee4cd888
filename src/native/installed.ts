import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type NativePackage, PACKAGE_MANIFEST, packageFolder } from "../core/native-package.ts";

/** What stands beside the files of an installed package. */
export const packageManifest = z.object({
  /** SHA-256 of the archive that they come from. */
  archive: z.string(),
  files: z
    .array(z.object({ name: z.string(), bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) }))
    .min(1),
});
export type PackageManifest = z.output<typeof packageManifest>;

/** The manifest of a package, of this very archive; undefined where it is not installed. */
export async function manifestOf(
  cacheDir: string,
  wanted: NativePackage,
): Promise<PackageManifest | undefined> {
  try {
    const text = await readFile(join(packageFolder(cacheDir, wanted), PACKAGE_MANIFEST), "utf8");
    const manifest = packageManifest.parse(JSON.parse(text));
    return manifest.archive === wanted.sha256 ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** Whether all files of a package are there in their sizes; their content is not read. */
export async function isInstalled(cacheDir: string, wanted: NativePackage): Promise<boolean> {
  const manifest = await manifestOf(cacheDir, wanted);
  if (manifest === undefined) return false;
  const folder = packageFolder(cacheDir, wanted);
  const sizes = manifest.files.map(({ name, bytes }) =>
    stat(join(folder, name)).then(
      (found) => found.size === bytes,
      () => false,
    ),
  );
  return (await Promise.all(sizes)).every((same) => same);
}

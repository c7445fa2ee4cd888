import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { fault, fileFault } from "../local/checkpoint/files.ts";
import { type Conversion, convertToOnnx } from "./convert.ts";
import { MANIFEST } from "./manifest.ts";

/**
 * Converts a checkpoint to a folder that appears whole or not at all; one that holds an earlier conversion is replaced.
 * Returns the bytes of its files. Throws OperatorError, also where the folder holds something else, or `signal.reason`.
 */
export async function convertToFolder(
  output: string,
  conversion: Omit<Conversion, "folder">,
): Promise<{ bytes: number }> {
  const replaces = await holdsConversion(output);
  const temporary = `${output}.${randomUUID()}.tmp`;
  try {
    await mkdir(temporary);
    const files = await convertToOnnx({ ...conversion, folder: temporary });
    if (replaces) await rm(output, { recursive: true });
    await rename(temporary, output);
    return { bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
  } catch (error) {
    throw fileFault(output, error);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function holdsConversion(output: string): Promise<boolean> {
  const names = await readdir(output).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw fileFault(output, error);
  });
  if (names === undefined) return false;
  if (names.length === 0 || names.includes(MANIFEST)) return true;
  throw fault(output, "is a folder with something else in it; name one that does not exist yet");
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Ask, askProgram } from "./gpu-list.ts";

/** Path of a library that the dynamic loader finds by its name, such as `libcuda.so.1`; undefined where it finds none. */
export type FindInSystem = (soname: string) => string | undefined;

export interface LoaderSources {
  readonly ask: Ask;
  exists(path: string): boolean;
  /** LD_LIBRARY_PATH: folders that the loader searches before its own, parted by colons. */
  readonly loaderPath: string;
}

/** `	libcuda.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libcuda.so.1` */
const KNOWN = /^\s*(\S+) \((?:[^)]*,)?x86-64\b[^)]*\) => (\S+)$/gm;

/** Looks as the loader of Linux x64 does: in LD_LIBRARY_PATH, then in its cache, which is read once. */
export function systemLibraries({ ask, exists, loaderPath }: LoaderSources): FindInSystem {
  const folders = loaderPath.split(":").filter((folder) => folder !== "");
  let known: Map<string, string> | undefined;
  return (soname) => {
    const named = folders.map((folder) => join(folder, soname)).find(exists);
    if (named !== undefined) return named;
    known ??= readLoaderCache(ask);
    const path = known.get(soname);
    return path !== undefined && exists(path) ? path : undefined;
  };
}

function readLoaderCache(ask: Ask): Map<string, string> {
  // It is not on the PATH of everybody.
  const listed = ask("ldconfig", ["-p"]) ?? ask("/sbin/ldconfig", ["-p"]) ?? "";
  const found = new Map<string, string>();
  for (const [, soname = "", path = ""] of listed.matchAll(KNOWN)) {
    if (!found.has(soname)) found.set(soname, path);
  }
  return found;
}

/** What this process's loader finds. */
export function inThisSystem(env: Readonly<Record<string, string | undefined>>): FindInSystem {
  return systemLibraries({
    ask: askProgram,
    exists: existsSync,
    loaderPath: env["LD_LIBRARY_PATH"] ?? "",
  });
}

import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isMapped, mappedFiles } from "../../src/model-cache/in-use.ts";

let folder: string;
let entry: string;
let model: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dolly-in-use-"));
  entry = join(folder, "entry");
  model = join(entry, "model.gguf");
  mkdirSync(entry);
  writeFileSync(model, "weights");
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A folder like /proc with one process. `maps`: undefined where this user may not read them. */
function procWith(maps: string | undefined, command = "node"): string {
  const process = join(folder, "proc", "42");
  mkdirSync(process, { recursive: true });
  writeFileSync(join(process, "cmdline"), command);
  if (maps === undefined) mkdirSync(join(process, "maps"));
  else writeFileSync(join(process, "maps"), maps);
  return join(folder, "proc");
}

const mapping = (inode: number | bigint, path: string): string =>
  `7f23a0c00000-7f23a0fc0000 rw-p 00000000 fe:00 ${inode}                   ${path}\n7ffd0000-7ffd1000 rw-p 00000000 00:00 0  [stack]\n`;

async function inUse(proc: string): Promise<boolean | undefined> {
  const mapped = await mappedFiles(proc);
  return mapped === undefined ? undefined : isMapped(entry, mapped);
}

test("a file is in use under its own path, and under another one that a container gives it", async () => {
  const inode = statSync(model, { bigint: true }).ino;
  expect(await inUse(procWith(mapping(1, model)))).toBe(true);
  expect(await inUse(procWith(mapping(inode, "/cache/model.gguf")))).toBe(true);
  expect(await inUse(procWith(mapping(inode + 1n, "/cache/model.gguf")))).toBe(false);
});

test("an engine whose maps may not be read is named, and other such processes are not", async () => {
  const engine = procWith(undefined, "node\0/opt/dolly/dist/drivers/local/engine-process.js\0");
  expect((await mappedFiles(engine))?.hidden).toEqual([42]);
  rmSync(engine, { recursive: true });
  expect((await mappedFiles(procWith(undefined, "/usr/sbin/sshd")))?.hidden).toEqual([]);
});

test("a system that does not say what is mapped is told from one where nothing is", async () => {
  expect(await mappedFiles(join(folder, "nothing"))).toBeUndefined();
});

import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { arch, cpus } from "node:os";
import { extname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { LoadContext } from "../../src/core/driver.ts";
import { freeSpace } from "../../src/machine/free-space.ts";
import { hashFiles } from "../local/checkpoint/content-hash.ts";
import { openFile } from "../local/checkpoint/files.ts";
import { cachedModel, type MadeFile } from "../local/model-cache.ts";
import { CONVERTER_VERSION, DATA_FILE, MODEL_FILE } from "./manifest.ts";
import { readOutline } from "./reader/outline.ts";

/** A process of its own, since it runs native code; it has this file's extension, in the sources and in a build. */
const PROCESS = fileURLToPath(new URL(`prepack-process${extname(import.meta.url)}`, import.meta.url));

/** Smaller models load in an instant. */
const WORTH_BYTES = 256e6;
/** What a copy takes at most, in multiples of the model: its matrices in their own form and in the processor's; f16 widened. */
const COPY_SIZE = 4;

/** Of matrices, in bytes: ONNX Runtime's own choice for all processors (MlasGetPreferredBufferAlignment). */
const ALIGNMENT = 64;

export interface Prepack {
  /** Path of the graph. */
  readonly model: string;
  /** Of the graph and its numbers. */
  readonly bytes: number;
  readonly fingerprint: string;
}

/**
 * Path of a copy of a graph whose matrices are arranged as this processor computes with them, made once. ONNX Runtime maps
 * it into memory, where it would arrange them anew at each load and keep what it made. Where no copy can be had, the graph's
 * own path, and the log says why: it loads all the same, only later.
 */
export async function prepacked(
  { model, bytes, fingerprint }: Prepack,
  { name, cacheDir, log, onProgress }: LoadContext,
  signal: AbortSignal,
  worthBytes = WORTH_BYTES,
): Promise<string> {
  if (bytes < worthBytes) return model;
  try {
    const folder = await cachedModel({
      cacheDir,
      key: ["prepacked", fingerprint, `onnx ${CONVERTER_VERSION}`, processor()],
      signal,
      async make(temporary) {
        await requireDisk(cacheDir, COPY_SIZE * bytes);
        onProgress({ task: `arranging ${name} for this processor`, fraction: 0 });
        await makeCopy(model, temporary, signal);
        await requireAlignment(temporary);
        return Promise.all([MODEL_FILE, DATA_FILE].map((file) => described(temporary, file)));
      },
    });
    return join(folder, MODEL_FILE);
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ err: error }, "the model's weights are arranged at each load, since no copy could be kept");
    return model;
  }
}

async function requireDisk(folder: string, needed: number): Promise<void> {
  const free = await freeSpace(folder);
  if (free < needed) {
    throw new Error(`${folder}: has ${free} bytes free on its disk, and ${needed} may be needed`);
  }
}

async function makeCopy(model: string, folder: string, signal: AbortSignal): Promise<void> {
  const child = fork(PROCESS, [model, folder], {
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    signal,
    killSignal: "SIGKILL",
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [status, said] = await Promise.all([ended, child.stderr === null ? "" : text(child.stderr)]);
  if (status !== 0)
    throw new Error(said.trim() || `the process that arranges weights ended with status ${status}`);
}

/**
 * Kernels look for a matrix at the next multiple of their alignment, wherever its memory begins. ONNX Runtime 1.30 writes
 * what it had aligned in memory to any place in the file, and reads rubbish where that is no such multiple.
 */
async function requireAlignment(folder: string): Promise<void> {
  const file = await openFile(join(folder, MODEL_FILE));
  try {
    const { prepacked } = await readOutline(file);
    if (prepacked.some((offset) => offset % ALIGNMENT !== 0)) {
      throw new Error(`a matrix lies at no multiple of ${ALIGNMENT} bytes, where it would be misread`);
    }
  } finally {
    await file.close();
  }
}

async function described(folder: string, name: string): Promise<MadeFile> {
  const file = await openFile(join(folder, name));
  try {
    const [sha256 = ""] = await hashFiles([file], {});
    return { name, bytes: file.size, sha256 };
  } finally {
    await file.close();
  }
}

/** What the arrangement depends on: the instructions that the processor has. */
function processor(): string {
  const [first] = cpus();
  return createHash("sha256")
    .update(JSON.stringify([arch(), first?.model, linuxFlags()]))
    .digest("hex");
}

function linuxFlags(): string | undefined {
  try {
    return /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { fault, hasEntry, type OpenFile, openInside, parseJson, readText } from "./files.ts";
import { readSafetensors } from "./safetensors.ts";
import { type StoredTensor, tensorFault } from "./tensor.ts";
import { readTorchBin } from "./torch-bin.ts";

/** Where Hugging Face checkpoints keep their weights, in the order of preference. */
const LAYOUTS = [
  { single: "model.safetensors", index: "model.safetensors.index.json", read: readSafetensors },
  { single: "pytorch_model.bin", index: "pytorch_model.bin.index.json", read: readTorchBin },
];
const MAX_INDEX = 16 << 20;
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

export interface StoredWeights {
  /** Files of weights, in the order of their names. */
  readonly files: readonly OpenFile[];
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Opens all files of weights in a checkpoint folder and reads their headers. The caller closes the files. */
export async function openWeights(folder: string): Promise<StoredWeights> {
  for (const { single, index, read } of LAYOUTS) {
    if (await hasEntry(folder, single)) return openFiles(folder, new Map([[single, null]]), read);
    if (await hasEntry(folder, index)) return openFiles(folder, await readIndex(folder, index), read);
  }
  const names = LAYOUTS.flatMap(({ single, index }) => [single, index]);
  const entries = await readdir(folder);
  const graph = entries.some((name) => name.endsWith(".onnx"));
  const remedy = graph ? "; for its ONNX model take the driver onnx (--driver onnx)" : "";
  throw fault(folder, `holds no weights: none of ${names.join(", ")}${remedy}`);
}

/** Whether a folder holds weights in a form that `openWeights` reads. */
export async function hasWeights(folder: string): Promise<boolean> {
  const names = LAYOUTS.flatMap(({ single, index }) => [single, index]);
  return (await Promise.all(names.map((name) => hasEntry(folder, name)))).includes(true);
}

/** Each shard with the names that the index places in it. */
async function readIndex(folder: string, index: string): Promise<Map<string, Set<string>>> {
  const path = join(folder, index);
  const parsed = indexSchema.safeParse(parseJson(path, await readText(folder, index, MAX_INDEX)));
  if (!parsed.success) throw fault(path, `is not an index of shards: ${z.prettifyError(parsed.error)}`);
  const shards = new Map<string, Set<string>>();
  for (const [tensor, shard] of Object.entries(parsed.data.weight_map)) {
    shards.set(shard, (shards.get(shard) ?? new Set()).add(tensor));
  }
  if (shards.size > 1000) throw fault(path, `names ${shards.size} shards; at most 1000 are read`);
  return shards;
}

async function openFiles(
  folder: string,
  shards: ReadonlyMap<string, ReadonlySet<string> | null>,
  read: (file: OpenFile) => Promise<StoredTensor[]>,
): Promise<StoredWeights> {
  const files: OpenFile[] = [];
  const tensors = new Map<string, StoredTensor>();
  try {
    for (const [name, promised] of [...shards].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const file = await openInside(folder, name);
      files.push(file);
      const found = new Map((await read(file)).map((tensor) => [tensor.name, tensor]));
      for (const [tensor, stored] of found) {
        const other = tensors.get(tensor);
        if (other) throw tensorFault(file.path, tensor, `is in ${other.file.path} too`);
        tensors.set(tensor, stored);
      }
      for (const tensor of promised ?? []) {
        if (!found.has(tensor))
          throw tensorFault(file.path, tensor, "is missing, though the index places it here");
      }
    }
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
  return { files, tensors };
}

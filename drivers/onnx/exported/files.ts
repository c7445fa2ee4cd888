import { basename, dirname, extname, join } from "node:path";
import { fault, hasEntry, type OpenFile, openInside } from "../../local/checkpoint/files.ts";
import { hasWeights } from "../../local/checkpoint/shards.ts";

/** Names that Optimum has given a decoder over the years, in the order of preference. */
const NAMES = ["model.onnx", "decoder_model_merged.onnx", "decoder_model.onnx"];
/** Folder of the graphs in repositories that hold the checkpoint too. */
const SUBFOLDER = "onnx";

/** Where an export lies. */
export interface ExportPlace {
  /** Of config.json and the tokenizer. */
  readonly folder: string;
  /** Of the graphs and what belongs to them. */
  readonly graphs: string;
  /** Base name of the graph. */
  readonly name: string;
}

/**
 * Finds an exported decoder: `path` is its file, or a folder that holds one and no checkpoint. Undefined where
 * there is none. Throws OperatorError where the file has no config.json beside or above it.
 */
export async function findExport(path: string): Promise<ExportPlace | undefined> {
  if (extname(path) === ".onnx") {
    const graphs = dirname(path);
    for (const folder of [graphs, dirname(graphs)]) {
      if (await hasEntry(folder, "config.json")) return { folder, graphs, name: basename(path) };
    }
    throw fault(path, "has no config.json in its folder or the one above: keep the export's files together");
  }
  if (await hasWeights(path)) return undefined;
  for (const graphs of [path, join(path, SUBFOLDER)]) {
    for (const name of NAMES) {
      if (await hasEntry(graphs, name)) return { folder: path, graphs, name };
    }
  }
  return undefined;
}

/** The graph that goes on where a decoder without past ends, by the names of Optimum 1.x; undefined for other names. */
export function laterName(name: string): string | undefined {
  return /^decoder_model(?!_merged)/.test(name)
    ? name.replace("decoder_model", "decoder_with_past_model")
    : undefined;
}

/** Opens the file in which a graph keeps its numbers; it has to lie in the graph's own folder, and be long enough. */
export async function openExternal(
  graph: string,
  folder: string,
  location: string,
  end: number | null,
): Promise<OpenFile> {
  const plain = location.replace(/^\.\//, "");
  let file: OpenFile;
  try {
    file = await openInside(folder, plain);
  } catch (error) {
    throw fault(
      graph,
      `needs ${JSON.stringify(location)}: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
  if ((end ?? 0) <= file.size) return file;
  await file.close();
  throw fault(
    file.path,
    `has ${file.size} bytes where ${graph} needs ${end}: it is cut short, or of another export`,
  );
}

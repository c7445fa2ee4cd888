import { join } from "node:path";
import type { CheckpointConfig } from "../../local/checkpoint/config.ts";
import { type HashOptions, hashFiles } from "../../local/checkpoint/content-hash.ts";
import { fault, type OpenFile, openInside } from "../../local/checkpoint/files.ts";
import { type Outline, readOutline } from "../reader/outline.ts";
import { type ExportPlace, laterName, openExternal } from "./files.ts";
import { readSignature, type Signature } from "./signature.ts";

/** A graph of an export. */
export interface ExportedGraph {
  readonly path: string;
  readonly signature: Signature;
}

/** A decoder that Optimum exported, as one graph or as two. */
export interface Exported {
  /** Computes a prompt's beginning; and all else, where there is no other. */
  readonly first: ExportedGraph;
  /** Goes on from what was computed; null: the first graph does. */
  readonly later: ExportedGraph | null;
  /** Such as `optimum-f32`, with `-quantised` where matrices are of whole numbers. */
  readonly precision: string;
  /** Of the graphs and their numbers. */
  readonly bytes: number;
  /** SHA-256 of each file, in the same order whenever. */
  hash(options: HashOptions): Promise<string[]>;
}

/** Operators of matrices that were quantised after the export, by ONNX Runtime's tools. */
const QUANTISED = [
  "MatMulNBits",
  "DynamicQuantizeMatMul",
  "MatMulInteger",
  "QLinearMatMul",
  "DequantizeLinear",
];

/** Reads the outline of an export and checks all that it needs. Throws OperatorError that names the file. */
export async function readExport(place: ExportPlace, config: CheckpointConfig): Promise<Exported> {
  const first = await readGraph(place.graphs, place.name, config);
  const graphs = [first];
  if (!first.signature.past) {
    const name = laterName(place.name);
    if (name === undefined) {
      throw fault(
        first.path,
        "takes no past_key_values: export it again with --task text-generation-with-past",
      );
    }
    const later = await readGraph(place.graphs, name, config);
    if (!later.signature.past || later.signature.cacheType !== first.signature.cacheType) {
      throw fault(
        later.path,
        `does not go on from ${place.name}: its past_key_values are missing or of another type`,
      );
    }
    graphs.push(later);
  }
  const files = [...new Set(graphs.flatMap(({ files }) => files))].sort();
  const quantised = graphs.some(({ outline }) => QUANTISED.some((name) => outline.operators.has(name)));
  return {
    first,
    later: graphs[1] ?? null,
    precision: `optimum-${first.signature.cacheType}${quantised ? "-quantised" : ""}`,
    bytes: graphs.reduce((sum, { bytes }) => sum + bytes, 0),
    async hash(options) {
      const opened: OpenFile[] = [];
      try {
        for (const name of files) opened.push(await openInside(place.graphs, name));
        return await hashFiles(opened, options);
      } finally {
        await Promise.all(opened.map((file) => file.close()));
      }
    },
  };
}

async function readGraph(folder: string, name: string, config: CheckpointConfig) {
  const file = await openInside(folder, name);
  let outline: Outline;
  try {
    outline = await readOutline(file);
  } finally {
    await file.close();
  }
  const path = join(folder, name);
  const files = new Set([name]);
  let bytes = file.size;
  for (const [location, end] of furthestEnds(outline)) {
    const external = await openExternal(path, folder, location, end);
    await external.close();
    files.add(location.replace(/^\.\//, ""));
    bytes += external.size;
  }
  return { path, signature: readSignature(path, outline, config), outline, files: [...files], bytes };
}

/** Of each external file, how far the graph's numbers reach in it. */
function furthestEnds({ external }: Outline): Map<string, number | null> {
  const ends = new Map<string, number | null>();
  for (const { location, end } of external) ends.set(location, Math.max(ends.get(location) ?? 0, end ?? 0));
  return ends;
}

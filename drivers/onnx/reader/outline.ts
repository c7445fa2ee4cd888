import { fault, type OpenFile } from "../../local/checkpoint/files.ts";
import { MessageFile, type Range } from "./message.ts";

/** An input or output of a graph. */
export interface GraphValue {
  readonly name: string;
  /** `TensorProto.DataType`; 0 where it is no tensor. */
  readonly type: number;
  /** An extent that the graph leaves open is null. */
  readonly shape: readonly (number | null)[];
}

/** Numbers of the graph that stand in a file of their own. */
export interface ExternalData {
  readonly location: string;
  /** One byte beyond the last, or null where the rest of the file is meant. */
  readonly end: number | null;
}

/** What an ONNX file says without its weights. */
export interface Outline {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly operators: ReadonlySet<string>;
  readonly external: readonly ExternalData[];
  /** Where arranged matrices begin in the files beside the graph, as ONNX Runtime saved them. */
  readonly prepacked: readonly number[];
}

/** Graphs inside of nodes of graphs; a merged decoder has one level. */
const DEEPEST = 8;

interface Found {
  readonly inputs: GraphValue[];
  readonly outputs: GraphValue[];
  readonly operators: Set<string>;
  readonly external: ExternalData[];
  readonly prepacked: number[];
}

/** Reads an ONNX file's outline; field numbers are those of onnx.proto3. Throws OperatorError that names the file. */
export async function readOutline(file: OpenFile): Promise<Outline> {
  const source = new MessageFile(file);
  const found: Found = { inputs: [], outputs: [], operators: new Set(), external: [], prepacked: [] };
  let graphs = 0;
  for await (const { number, content } of source.fields(source.whole)) {
    if (number === 7) {
      graphs += 1;
      await readGraph(source, content, found, 0);
    }
    // ModelProto.functions: their nodes may hold constants too.
    if (number === 25) await readGraph(source, content, found, 0, 7);
  }
  if (graphs !== 1) throw fault(file.path, "is no ONNX model: it holds no graph");
  return found;
}

async function readGraph(
  source: MessageFile,
  range: Range,
  found: Found,
  depth: number,
  nodeField = 1,
): Promise<void> {
  if (depth > DEEPEST) throw fault(source.file.path, `nests graphs more than ${DEEPEST} deep`);
  for await (const { number, content } of source.fields(range)) {
    if (number === nodeField) await readNode(source, content, found, depth);
    else if (nodeField !== 1) continue;
    else if (number === 5) await readTensor(source, content, found);
    else if (number === 15) await readSparse(source, content, found);
    else if (depth === 0 && number === 11) found.inputs.push(await readValue(source, content));
    else if (depth === 0 && number === 12) found.outputs.push(await readValue(source, content));
  }
}

async function readNode(source: MessageFile, range: Range, found: Found, depth: number): Promise<void> {
  for await (const { number, content } of source.fields(range)) {
    if (number === 4) found.operators.add(await source.text(content));
    if (number !== 5) continue;
    for await (const { number: part, content: inner } of source.fields(content)) {
      if (part === 5 || part === 10) await readTensor(source, inner, found);
      if (part === 6 || part === 11) await readGraph(source, inner, found, depth + 1);
      if (part === 22 || part === 23) await readSparse(source, inner, found);
    }
  }
}

/** `SparseTensorProto`: its values and their places are tensors. */
async function readSparse(source: MessageFile, range: Range, found: Found): Promise<void> {
  for await (const { number, content } of source.fields(range)) {
    if (number === 1 || number === 2) await readTensor(source, content, found);
  }
}

async function readTensor(source: MessageFile, range: Range, found: Found): Promise<void> {
  const entries = new Map<string, string>();
  for await (const { number, content } of source.fields(range)) {
    if (number !== 13) continue;
    let [key, value] = ["", ""];
    for await (const { number: part, content: text } of source.fields(content)) {
      if (part === 1) key = await source.text(text);
      if (part === 2) value = await source.text(text);
    }
    entries.set(key, value);
  }
  if (entries.size === 0) return;
  for (const [key, value] of entries) {
    // `prepacked_0: KERNEL+HASH|OFFSET;LENGTH;CHECKSUM|…`
    if (!key.startsWith("prepacked_")) continue;
    found.prepacked.push(
      ...value
        .split("|")
        .slice(1)
        .map((blob) => Number(blob.split(";")[0])),
    );
  }
  const length = entries.get("length");
  found.external.push({
    location: entries.get("location") ?? "",
    end: length === undefined ? null : Number(entries.get("offset") ?? 0) + Number(length),
  });
}

async function readValue(source: MessageFile, range: Range): Promise<GraphValue> {
  let name = "";
  let type = 0;
  const shape: (number | null)[] = [];
  for await (const { number, content } of source.fields(range)) {
    if (number === 1) name = await source.text(content);
    if (number !== 2) continue;
    for await (const { number: kind, content: tensor } of source.fields(content)) {
      if (kind !== 1) continue;
      for await (const part of source.fields(tensor)) {
        if (part.number === 1) type = part.value;
        if (part.number === 2) shape.push(...(await readShape(source, part.content)));
      }
    }
  }
  return { name, type, shape };
}

async function readShape(source: MessageFile, range: Range): Promise<(number | null)[]> {
  const extents: (number | null)[] = [];
  for await (const { number, content } of source.fields(range)) {
    if (number !== 1) continue;
    let extent: number | null = null;
    for await (const { number: kind, value } of source.fields(content)) if (kind === 1) extent = value;
    extents.push(extent);
  }
  return extents;
}

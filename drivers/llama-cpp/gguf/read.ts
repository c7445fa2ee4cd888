import { OperatorError } from "../../../src/errors.ts";
import { fault, type OpenFile, openFile } from "../../local/checkpoint/files.ts";
import { elementCount } from "../../local/checkpoint/tensor.ts";
import { ByteReader } from "./byte-reader.ts";
import { DEFAULT_ALIGNMENT, MAGIC, padTo, VALUE_TYPES } from "./format.ts";
import { type StoredType, storedType } from "./stored-types.ts";

export type GgufScalar = number | bigint | boolean | string;
/** An integer beyond 2^53 is a bigint. */
export type GgufValue = GgufScalar | readonly GgufScalar[];

export interface GgufTensor {
  readonly name: string;
  /** Fastest axis first, as ggml counts. */
  readonly dimensions: readonly number[];
  /** Such as `f16` or `q4_K`; `type 99` for one that is not known here. */
  readonly type: string;
  /** First byte in the file. */
  readonly offset: number;
  /** Without padding; null for a type that is not known here. */
  readonly bytes: number | null;
}

export interface GgufHeader {
  readonly version: 2 | 3;
  /** `general.architecture`, such as `gptneox`. */
  readonly architecture: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
}

/** Most entries that a file may claim; the largest of this family has 30 of metadata and 536 tensors. */
const MAX_METADATA = 4096;
const MAX_TENSORS = 65_536;
/** Longest array, in elements; a vocabulary has 50,000. */
const MAX_ARRAY = 1 << 22;
const MAX_NAME = 1024;
/** Longest string, in bytes; a tokenizer has 2 MB. */
const MAX_STRING = 64 << 20;

/**
 * Reads the header of a GGUF file, version 2 or 3, and checks all it says against the file's size. The tensors' data is not
 * read. Throws OperatorError that names the file and the key or tensor.
 */
export async function readGguf(path: string): Promise<GgufHeader> {
  const file = await openFile(path);
  try {
    return await readHeader(file);
  } finally {
    await file.close();
  }
}

async function readHeader(file: OpenFile): Promise<GgufHeader> {
  const reader = new ByteReader(file);
  if (file.size < 24 || (await reader.uint32()) !== MAGIC) throw fault(file.path, "is not a GGUF file");
  const version = await reader.uint32();
  if (version !== 2 && version !== 3) {
    throw fault(file.path, `is of GGUF version ${version}; 2 and 3 are read (little-endian)`);
  }
  const tensorCount = await reader.count("tensors", MAX_TENSORS);
  const metadata = await readMetadata(reader, await reader.count("metadata entries", MAX_METADATA));
  const architecture = metadata.get("general.architecture");
  if (typeof architecture !== "string") throw fault(file.path, "general.architecture is missing");
  const tensors = await readTensors(file, reader, tensorCount, alignmentOf(file, metadata));
  return { version, architecture, metadata, tensors };
}

async function readMetadata(reader: ByteReader, count: number): Promise<Map<string, GgufValue>> {
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < count; index++) {
    const key = await named(reader, `metadata entry ${index}`, () => reader.string(MAX_NAME));
    if (metadata.has(key)) throw reader.fault(`the metadata key ${JSON.stringify(key)} is there twice`);
    metadata.set(
      key,
      await named(reader, `the metadata key ${JSON.stringify(key)}`, () => readValue(reader)),
    );
  }
  return metadata;
}

/** Says in which entry something is wrong. */
async function named<T>(reader: ByteReader, entry: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw reader.fault(`${entry}: ${error.message.replace(`${reader.path}: `, "")}`);
  }
}

async function readValue(reader: ByteReader): Promise<GgufValue> {
  const type = await reader.uint32();
  if (type !== VALUE_TYPES.array) return readScalar(reader, type);
  const elementType = await reader.uint32();
  const count = await reader.count("elements", MAX_ARRAY);
  const values: GgufScalar[] = [];
  for (let index = 0; index < count; index++) values.push(await readScalar(reader, elementType));
  return values;
}

async function readScalar(reader: ByteReader, type: number): Promise<GgufScalar> {
  switch (type) {
    case VALUE_TYPES.uint8:
      return (await reader.view(1)).getUint8(0);
    case VALUE_TYPES.int8:
      return (await reader.view(1)).getInt8(0);
    case VALUE_TYPES.uint16:
      return (await reader.view(2)).getUint16(0, true);
    case VALUE_TYPES.int16:
      return (await reader.view(2)).getInt16(0, true);
    case VALUE_TYPES.uint32:
      return reader.uint32();
    case VALUE_TYPES.int32:
      return (await reader.view(4)).getInt32(0, true);
    case VALUE_TYPES.float32:
      return (await reader.view(4)).getFloat32(0, true);
    case VALUE_TYPES.float64:
      return (await reader.view(8)).getFloat64(0, true);
    case VALUE_TYPES.uint64:
      return plain((await reader.view(8)).getBigUint64(0, true));
    case VALUE_TYPES.int64:
      return plain((await reader.view(8)).getBigInt64(0, true));
    case VALUE_TYPES.bool:
      return (await reader.view(1)).getUint8(0) !== 0;
    case VALUE_TYPES.string:
      return reader.string(MAX_STRING);
    default:
      throw reader.fault(`has the unknown value type ${type}`);
  }
}

const plain = (value: bigint): number | bigint => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

function alignmentOf(file: OpenFile, metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (
    typeof alignment !== "number" ||
    alignment < 8 ||
    alignment > 1 << 20 ||
    Math.log2(alignment) % 1 !== 0
  ) {
    throw fault(file.path, `general.alignment ${String(alignment)} is not a power of two from 8 on`);
  }
  return alignment;
}

interface Described {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: StoredType;
  /** From the start of the data. */
  readonly offset: number;
}

async function readTensors(
  file: OpenFile,
  reader: ByteReader,
  count: number,
  alignment: number,
): Promise<GgufTensor[]> {
  const described: Described[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index++) {
    const tensor = await named(reader, `tensor ${index}`, () => readTensorInfo(reader));
    if (names.has(tensor.name))
      throw fault(file.path, `tensor ${JSON.stringify(tensor.name)} is there twice`);
    names.add(tensor.name);
    described.push(tensor);
  }
  const dataStart = padTo(alignment, reader.position);
  const tensors = described.map((tensor) => placed(file, tensor, dataStart, alignment));
  let end = dataStart;
  for (const { name, offset, bytes } of tensors.toSorted((a, b) => a.offset - b.offset)) {
    if (offset < end) throw fault(file.path, `tensor ${JSON.stringify(name)} overlaps another`);
    end = offset + (bytes ?? 0);
  }
  return tensors;
}

async function readTensorInfo(reader: ByteReader): Promise<Described> {
  const name = await reader.string(MAX_NAME);
  const rank = await reader.uint32();
  if (rank < 1 || rank > 4) throw reader.fault(`${JSON.stringify(name)} has ${rank} dimensions`);
  const dimensions: number[] = [];
  for (let axis = 0; axis < rank; axis++)
    dimensions.push(await reader.count("elements", Number.MAX_SAFE_INTEGER));
  const type = storedType(await reader.uint32());
  const offset = await reader.count("bytes before it", Number.MAX_SAFE_INTEGER);
  return { name, dimensions, type, offset };
}

function placed(file: OpenFile, tensor: Described, dataStart: number, alignment: number): GgufTensor {
  const { name, dimensions, type } = tensor;
  const problem = (text: string) => fault(file.path, `tensor ${JSON.stringify(name)} ${text}`);
  const elements = elementCount(dimensions);
  if (elements === undefined) throw problem(`has the impossible shape [${dimensions}]`);
  const { size } = type;
  if (size && (dimensions[0] ?? 0) % size.block !== 0) {
    throw problem(`has rows of ${dimensions[0]}, not a multiple of ${type.name}'s block of ${size.block}`);
  }
  const bytes = size ? (elements / size.block) * size.bytes : null;
  const offset = dataStart + tensor.offset;
  if (tensor.offset % alignment !== 0)
    throw problem(`begins at ${tensor.offset}, not a multiple of ${alignment}`);
  if (offset + (bytes ?? 0) > file.size) throw problem("ends past the end of the file (truncated?)");
  return { name, dimensions, type: type.name, offset, bytes };
}

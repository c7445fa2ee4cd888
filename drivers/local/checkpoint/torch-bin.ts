import { fault, type OpenFile } from "./files.ts";
import {
  PickleCall,
  PickleDict,
  PickleGlobal,
  PickleReference,
  PickleRefused,
  type PickleValue,
  readPickle,
} from "./pickle.ts";
import { elementCount, type StoredTensor, tensorFault } from "./tensor.ts";
import { readZip, type ZipEntry } from "./zip.ts";

/** Longest pickle that is read, in bytes; the 12 billion weights of the largest Dolly need 120 KB. */
const MAX_PICKLE = 16 << 20;

/** torch's storage classes: element type and width in bytes. */
const STORAGES = new Map<string, { dtype: string; width: number }>([
  ["torch.FloatStorage", { dtype: "F32", width: 4 }],
  ["torch.HalfStorage", { dtype: "F16", width: 2 }],
  ["torch.BFloat16Storage", { dtype: "BF16", width: 2 }],
  ["torch.DoubleStorage", { dtype: "F64", width: 8 }],
  ["torch.LongStorage", { dtype: "I64", width: 8 }],
  ["torch.IntStorage", { dtype: "I32", width: 4 }],
  ["torch.ShortStorage", { dtype: "I16", width: 2 }],
  ["torch.CharStorage", { dtype: "I8", width: 1 }],
  ["torch.ByteStorage", { dtype: "U8", width: 1 }],
  ["torch.BoolStorage", { dtype: "BOOL", width: 1 }],
]);

const REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2";
const REBUILD_PARAMETER = "torch._utils._rebuild_parameter";
const callable = new Set([REBUILD_TENSOR, REBUILD_PARAMETER, "collections.OrderedDict"]);
const rules = { globals: new Set([...callable, ...STORAGES.keys()]), callable };

/**
 * The tensors of a `pytorch_model.bin` (a zip archive since torch 1.6), from its pickle, which is read as data and
 * never run. Throws OperatorError that names the file and what in it was refused.
 */
export async function readTorchBin(file: OpenFile): Promise<StoredTensor[]> {
  await refuseOtherFormats(file);
  const entries = await readZip(file);
  const pickle = [...entries.values()].find(({ name }) => name.endsWith("/data.pkl"));
  if (!pickle) throw fault(file.path, "holds no data.pkl: it was not written by torch.save");
  const root = pickle.name.slice(0, -"data.pkl".length);
  await checkByteOrder(file, entries.get(`${root}byteorder`));
  const dict = readState(file, await content(file, pickle, MAX_PICKLE));
  return [...dict.entries].map(([name, value]) => storedTensor({ file, entries, root, name }, value));
}

async function refuseOtherFormats(file: OpenFile): Promise<void> {
  const start = new Uint8Array(Math.min(4, file.size));
  await file.read(0, start);
  if (start[0] === 0x80) {
    throw fault(
      file.path,
      "is in torch's format from before version 1.6; load it and save it again with a present-day torch, or use safetensors",
    );
  }
  if (start[0] !== 0x50 || start[1] !== 0x4b)
    throw fault(file.path, "is not a file of torch.save (no zip archive)");
}

async function checkByteOrder(file: OpenFile, entry: ZipEntry | undefined): Promise<void> {
  if (!entry) return;
  const order = new TextDecoder().decode(await content(file, entry, 16));
  if (order !== "little")
    throw fault(file.path, `has byte order ${JSON.stringify(order)}; only little is read`);
}

async function content(file: OpenFile, entry: ZipEntry, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  if (entry.bytes > limit)
    throw fault(file.path, `${entry.name} in it has ${entry.bytes} bytes; ${limit} are allowed`);
  const bytes = new Uint8Array(entry.bytes);
  await file.read(entry.offset, bytes);
  return bytes;
}

function readState(file: OpenFile, bytes: Uint8Array<ArrayBuffer>): PickleDict {
  try {
    const value = readPickle(bytes, rules);
    if (value instanceof PickleDict) return value;
  } catch (error) {
    if (!(error instanceof PickleRefused)) throw error;
    throw fault(file.path, `its pickle is refused: ${error.message}`, error);
  }
  throw fault(file.path, "its pickle is not a dict of tensors");
}

interface Place {
  readonly file: OpenFile;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly root: string;
  readonly name: string;
}

const isSize = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= 8 && value.every(isSize);

function storedTensor(place: Place, value: PickleValue): StoredTensor {
  const { file, name } = place;
  const call = value instanceof PickleCall && value.callee === REBUILD_PARAMETER ? value.args[0] : value;
  if (!(call instanceof PickleCall && call.callee === REBUILD_TENSOR)) {
    throw tensorFault(file.path, name, "is not a tensor");
  }
  const [reference, start, shape, strides] = call.args;
  if (!(isSize(start) && isSizes(shape) && isSizes(strides) && shape.length === strides.length)) {
    throw tensorFault(file.path, name, "has an impossible offset, shape or stride");
  }
  const { dtype, width, entry } = storageOf(place, reference);
  const count = elementCount(shape);
  if (count === undefined) throw tensorFault(file.path, name, `has the impossible shape [${shape}]`);
  const unreadable = isContiguous(shape, strides)
    ? null
    : `is a view with strides [${strides}], not contiguous`;
  if (!unreadable && (start + count) * width > entry.bytes) {
    throw tensorFault(file.path, name, `ends past the end of its storage ${JSON.stringify(entry.name)}`);
  }
  return { name, dtype, shape, file, offset: entry.offset + start * width, bytes: count * width, unreadable };
}

/** The storage that a persistent id `("storage", class, key, device, elements)` stands for. */
function storageOf({ file, entries, root, name }: Place, reference: PickleValue | undefined) {
  const id = reference instanceof PickleReference ? reference.id : undefined;
  const [kind, storageClass, key, , elements] = Array.isArray(id) ? id : [];
  const type = storageClass instanceof PickleGlobal ? STORAGES.get(storageClass.path) : undefined;
  if (kind !== "storage" || !type || typeof key !== "string" || !isSize(elements)) {
    throw tensorFault(file.path, name, "has no storage");
  }
  const entry = entries.get(`${root}data/${key}`);
  if (!entry)
    throw tensorFault(file.path, name, `has its storage in ${JSON.stringify(key)}, which is missing`);
  if (elements * type.width > entry.bytes) {
    throw tensorFault(file.path, name, `claims ${elements} elements in a storage of ${entry.bytes} bytes`);
  }
  return { ...type, entry };
}

/** Whether strides are those of a row-major array; the stride of an axis of extent 1 does not matter. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis] ?? 1;
    if (extent !== 1 && strides[axis] !== expected) return false;
    expected *= extent;
  }
  return true;
}

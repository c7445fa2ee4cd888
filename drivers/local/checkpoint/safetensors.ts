import { z } from "zod";
import { fault, type OpenFile, parseJson } from "./files.ts";
import { elementCount, type StoredTensor, tensorFault } from "./tensor.ts";

/** Longest header that is read, in bytes; the 12 billion weights of the largest Dolly need 60 KB. */
const MAX_HEADER = 16 << 20;

/** Bytes an element, from the safetensors format. */
const DTYPE_BYTES = new Map<string, number>([
  ["BOOL", 1],
  ["U8", 1],
  ["I8", 1],
  ["F8_E4M3", 1],
  ["F8_E5M2", 1],
  ["U16", 2],
  ["I16", 2],
  ["F16", 2],
  ["BF16", 2],
  ["U32", 4],
  ["I32", 4],
  ["F32", 4],
  ["U64", 8],
  ["I64", 8],
  ["F64", 8],
]);

const size = z.int().min(0);
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(size).max(8),
  data_offsets: z.tuple([size, size]),
});

/**
 * The tensors of a safetensors file, from its header alone. Throws OperatorError that names file and tensor where
 * sizes and offsets do not describe the file exactly, without gap or overlap.
 */
export async function readSafetensors(file: OpenFile): Promise<StoredTensor[]> {
  const { header, dataStart } = await readHeader(file);
  const tensors: StoredTensor[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== "__metadata__") tensors.push(storedTensor(file, name, value, dataStart));
  }
  let end = dataStart;
  for (const tensor of tensors.toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (tensor.offset !== end) {
      throw tensorFault(file.path, tensor.name, tensor.offset < end ? "overlaps another" : "follows a gap");
    }
    end += tensor.bytes;
  }
  if (end !== file.size) throw fault(file.path, `has ${file.size - end} bytes that belong to no tensor`);
  return tensors;
}

async function readHeader(file: OpenFile): Promise<{ header: object; dataStart: number }> {
  if (file.size < 8) throw fault(file.path, "is too short for a safetensors file");
  const prefix = new Uint8Array(8);
  await file.read(0, prefix);
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (length > MAX_HEADER) {
    throw fault(
      file.path,
      `claims a header of ${length} bytes; ${MAX_HEADER} are allowed (not safetensors?)`,
    );
  }
  if (8 + length > file.size) throw fault(file.path, "ends within its header (truncated?)");
  const bytes = new Uint8Array(length);
  await file.read(8, bytes);
  const header = parseJson(file.path, new TextDecoder().decode(bytes));
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw fault(file.path, "its header is not a JSON object");
  }
  return { header, dataStart: 8 + length };
}

function storedTensor(file: OpenFile, name: string, value: unknown, dataStart: number): StoredTensor {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success)
    throw tensorFault(file.path, name, `is described wrongly: ${z.prettifyError(parsed.error)}`);
  const { dtype, shape, data_offsets: range } = parsed.data;
  const [begin, end] = range;
  const width = DTYPE_BYTES.get(dtype);
  if (width === undefined)
    throw tensorFault(file.path, name, `has the unknown type ${JSON.stringify(dtype)}`);
  const count = elementCount(shape);
  if (count === undefined || count * width !== end - begin) {
    throw tensorFault(
      file.path,
      name,
      `of shape [${shape}] and type ${dtype} does not fill bytes ${begin} to ${end}`,
    );
  }
  if (dataStart + end > file.size) {
    throw tensorFault(file.path, name, "ends past the end of the file (truncated?)");
  }
  return { name, dtype, shape, file, offset: dataStart + begin, bytes: end - begin, unreadable: null };
}

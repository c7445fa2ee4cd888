import { fault, type OpenFile } from "./files.ts";

/** An uncompressed member of a zip archive. */
export interface ZipEntry {
  readonly name: string;
  /** First byte of its data in the file. */
  readonly offset: number;
  readonly bytes: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** Longest directory that is read, in bytes. */
const MAX_DIRECTORY = 16 << 20;
const MAX_ENTRIES = 65_536;

/** A part of the file; its getters throw where a structure would reach past the part. */
async function part(file: OpenFile, position: number, length: number): Promise<DataView<ArrayBuffer>> {
  if (!Number.isSafeInteger(position) || position < 0 || position + length > file.size) {
    throw fault(
      file.path,
      `is a damaged zip archive: a record at byte ${position} lies past its end (truncated?)`,
    );
  }
  const bytes = new Uint8Array(length);
  await file.read(position, bytes);
  return new DataView(bytes.buffer);
}

const damaged = (file: OpenFile, what: string) => fault(file.path, `is a damaged zip archive: ${what}`);
const big = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

/**
 * The members of a zip archive (zip64 too), as torch writes them: stored, in one volume, unencrypted, none within
 * another. Everything else is refused with an OperatorError that names the file.
 */
export async function readZip(file: OpenFile): Promise<Map<string, ZipEntry>> {
  const directory = await findDirectory(file);
  const view = await part(file, directory.offset, directory.length);
  const listed = listEntries(file, view, directory.count);
  const entries = new Map<string, ZipEntry>();
  for (const { name, bytes, header } of listed) {
    if (entries.has(name)) throw damaged(file, `it has ${JSON.stringify(name)} twice`);
    const local = await part(file, header, 30);
    if (local.getUint32(0, true) !== LOCAL) throw damaged(file, `no member begins at byte ${header}`);
    const offset = header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    if (offset + bytes > directory.offset)
      throw damaged(file, `${JSON.stringify(name)} reaches past its end`);
    entries.set(name, { name, offset, bytes });
  }
  let end = 0;
  for (const entry of [...entries.values()].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (entry.offset < end) throw damaged(file, `${JSON.stringify(entry.name)} overlaps another member`);
    end = entry.offset + entry.bytes;
  }
  return entries;
}

interface Directory {
  readonly offset: number;
  readonly length: number;
  readonly count: number;
}

async function findDirectory(file: OpenFile): Promise<Directory> {
  // The end record is 22 bytes and a comment of at most 65,535.
  const start = Math.max(0, file.size - 22 - 65_535);
  const view = await part(file, start, file.size - start);
  let at = view.byteLength - 22;
  while (at >= 0 && view.getUint32(at, true) !== END) at--;
  if (at < 0) throw fault(file.path, "is not a zip archive with an end record (truncated?)");
  let directory: Directory = {
    count: view.getUint16(at + 10, true),
    length: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  if (at >= 20 && view.getUint32(at - 20, true) === LOCATOR64) {
    const record = await part(file, big(view, at - 20 + 8), 56);
    if (record.getUint32(0, true) !== END64) throw damaged(file, "its zip64 end record is missing");
    directory = { count: big(record, 32), length: big(record, 40), offset: big(record, 48) };
  }
  if (directory.length > MAX_DIRECTORY || directory.count > MAX_ENTRIES) {
    throw damaged(file, `its directory claims ${directory.count} members in ${directory.length} bytes`);
  }
  return directory;
}

interface Listed {
  readonly name: string;
  readonly bytes: number;
  /** Where its local header begins. */
  readonly header: number;
}

function listEntries(file: OpenFile, view: DataView<ArrayBuffer>, count: number): Listed[] {
  const listed: Listed[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + 46 > view.byteLength || view.getUint32(at, true) !== CENTRAL) {
      throw damaged(file, `entry ${index} of its directory is missing`);
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > view.byteLength) throw damaged(file, `entry ${index} of its directory is cut`);
    const name = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, nameLength));
    if (view.getUint16(at + 8, true) & 1)
      throw fault(file.path, `${JSON.stringify(name)} in it is encrypted`);
    if (view.getUint16(at + 10, true) !== 0) {
      throw fault(file.path, `${JSON.stringify(name)} in it is compressed; torch stores members as they are`);
    }
    const sizes = sizesOf(view, at, at + 46 + nameLength, extraLength);
    if (!Object.values(sizes).every((value) => Number.isSafeInteger(value)) || sizes.packed !== sizes.bytes) {
      throw damaged(file, `the sizes of ${JSON.stringify(name)} are impossible`);
    }
    listed.push({ name, bytes: sizes.bytes, header: sizes.header });
    at = next;
  }
  return listed;
}

/** Sizes and place of a member; a field of all ones stands in the zip64 extra field instead, in this order. */
function sizesOf(view: DataView<ArrayBuffer>, at: number, extra: number, extraLength: number) {
  const wide = zip64Fields(view, extra, extraLength);
  const field = (offset: number): number => {
    const value = view.getUint32(at + offset, true);
    return value === 0xffffffff ? (wide.shift() ?? Number.NaN) : value;
  };
  const bytes = field(24);
  const packed = field(20);
  const header = field(42);
  return { bytes, packed, header };
}

function zip64Fields(view: DataView<ArrayBuffer>, start: number, length: number): number[] {
  let at = start;
  while (at + 4 <= start + length) {
    const id = view.getUint16(at, true);
    const size = view.getUint16(at + 2, true);
    if (at + 4 + size > start + length) break;
    if (id === 1)
      return Array.from({ length: Math.floor(size / 8) }, (_, index) => big(view, at + 4 + 8 * index));
    at += 4 + size;
  }
  return [];
}

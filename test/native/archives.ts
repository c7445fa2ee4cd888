import { createHash } from "node:crypto";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import { packTar } from "modern-tar";

/** Files by their path in an archive. */
export type Members = Readonly<Record<string, string | Buffer>>;

export const sha256 = (content: Buffer): string => createHash("sha256").update(content).digest("hex");

/** A zip archive, as a wheel is one. */
export function wheel(members: Members): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, content] of Object.entries(members)) {
    const name = Buffer.from(path);
    const whole = Buffer.from(content);
    const packed = deflateRawSync(whole);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0); // version needed
    fields.writeUInt16LE(8, 4); // deflated
    fields.writeUInt16LE(0x21, 8); // 1 January 1980
    fields.writeUInt32LE(crc32(whole), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(whole.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), fields, name, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.from([20, 0]), fields, rest, name]));
    parts.push(local);
    offset += local.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(directory.length, 4);
  end.writeUInt16LE(directory.length, 6);
  end.writeUInt32LE(listing.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, listing, Buffer.from("PK\x05\x06"), end]);
}

/** A gzipped tar archive, as npm's packages are. */
export async function tarball(members: Members): Promise<Buffer> {
  const entries = Object.entries(members).map(([name, content]) => {
    const body = new Uint8Array(Buffer.from(content));
    return { header: { name, size: body.length, type: "file" as const }, body };
  });
  return gzipSync(await packTar(entries));
}

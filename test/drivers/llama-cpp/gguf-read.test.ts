import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { convertToGguf } from "../../../drivers/llama-cpp/convert.ts";
import { readGguf } from "../../../drivers/llama-cpp/gguf/read.ts";
import { OperatorError } from "../../../src/errors.ts";
import { removeCheckpoints, tinyCheckpoint } from "../local/checkpoint/tiny-checkpoint.ts";

const folder = mkdtempSync(join(tmpdir(), "gguf-read-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  removeCheckpoints();
});

const path = join(folder, "model.gguf");

function read(content: Uint8Array) {
  writeFileSync(path, content);
  return readGguf(path);
}

async function refusal(content: Uint8Array): Promise<string> {
  const error = await read(content).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(OperatorError);
  return error instanceof OperatorError ? error.message : "";
}

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number | bigint) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const STRING = 8;
const ARRAY = 9;
const ARCHITECTURE = [text("general.architecture"), u32(STRING), text("gptneox")];

interface Parts {
  magic?: string;
  version?: number;
  tensorCount?: number | bigint;
  metadataCount?: number | bigint;
  metadata?: Buffer[];
  tensors?: Buffer[];
  data?: number;
}

function gguf({
  magic = "GGUF",
  version = 3,
  metadata = [],
  tensors = [],
  data = 0,
  ...counts
}: Parts): Buffer {
  const head = Buffer.concat([
    Buffer.from(magic),
    u32(version),
    u64(counts.tensorCount ?? 0),
    u64(counts.metadataCount ?? 1),
    ...ARCHITECTURE,
    ...metadata,
    ...tensors,
  ]);
  return Buffer.concat([head, Buffer.alloc((32 - (head.length % 32)) % 32), Buffer.alloc(data)]);
}

const tensor = (name: string, dimensions: (number | bigint)[], type: number, offset: number | bigint) =>
  Buffer.concat([text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset)]);

test("every type of value and tensor is read", async () => {
  const scalars: [number, Buffer, unknown][] = [
    [0, Buffer.of(200), 200],
    [1, Buffer.of(200), -56],
    [2, Buffer.of(255, 255), 65535],
    [3, Buffer.of(255, 255), -1],
    [4, u32(0xffffffff), 0xffffffff],
    [5, u32(0xffffffff), -1],
    [6, Buffer.from(Float32Array.of(1.5).buffer), 1.5],
    [7, Buffer.of(1), true],
    [8, text("déjà"), "déjà"],
    [9, Buffer.concat([u32(STRING), u64(2), text("a"), text("")]), ["a", ""]],
    [10, u64(2n ** 63n), 2n ** 63n],
    [11, u64(2n ** 64n - 1n), -1],
    [12, Buffer.from(Float64Array.of(-2.5).buffer), -2.5],
  ];
  const { version, architecture, metadata, tensors } = await read(
    gguf({
      version: 2,
      metadataCount: 1 + scalars.length,
      metadata: scalars.flatMap(([type, value]) => [text(`key.${type}`), u32(type), value]),
      tensorCount: 2,
      tensors: [tensor("a", [32, 2], 8, 0), tensor("b", [4], 0, 96)],
      data: 112,
    }),
  );
  expect([version, architecture]).toEqual([2, "gptneox"]);
  expect(scalars.map(([type]) => metadata.get(`key.${type}`))).toEqual(scalars.map(([, , value]) => value));
  expect(tensors).toMatchObject([
    { name: "a", dimensions: [32, 2], type: "q8_0", bytes: 68 },
    { name: "b", dimensions: [4], type: "f32", bytes: 16 },
  ]);
});

const HUGE = 2n ** 63n;
const wrong: [what: string, parts: Parts, message: RegExp][] = [
  ["another magic", { magic: "GGML" }, /is not a GGUF file/],
  ["version 1", { version: 1 }, /GGUF version 1; 2 and 3 are read/],
  ["big-endian numbers", { version: 0x03000000 }, /GGUF version 50331648/],
  ["a huge tensor count", { tensorCount: HUGE }, /claims 9223372036854775808 tensors/],
  ["a huge metadata count", { metadataCount: HUGE }, /claims 9223372036854775808 metadata entries/],
  [
    "a key that is longer than the file",
    { metadataCount: 2, metadata: [u64(900)] },
    /metadata entry 1: the file ends within its header/,
  ],
  [
    "a huge string",
    { metadataCount: 2, metadata: [text("a.key"), u32(STRING), u64(HUGE)] },
    /the metadata key "a\.key": claims 9223372036854775808 bytes of text/,
  ],
  [
    "a huge array",
    { metadataCount: 2, metadata: [text("a.key"), u32(ARRAY), u32(4), u64(HUGE)] },
    /the metadata key "a\.key": claims 9223372036854775808 elements/,
  ],
  [
    "an array in an array",
    { metadataCount: 2, metadata: [text("a.key"), u32(ARRAY), u32(ARRAY), u64(1)] },
    /"a\.key": has the unknown value type 9/,
  ],
  [
    "an unknown value type",
    { metadataCount: 2, metadata: [text("a.key"), u32(77)] },
    /"a\.key": has the unknown value type 77/,
  ],
  ["a key twice", { metadataCount: 2, metadata: ARCHITECTURE }, /"general\.architecture" is there twice/],
  [
    "an odd alignment",
    { metadataCount: 2, metadata: [text("general.alignment"), u32(4), u32(33)] },
    /general\.alignment 33 is not a power of two/,
  ],
  [
    "five dimensions",
    { tensorCount: 1, tensors: [tensor("w", [1, 1, 1, 1, 1], 0, 0)] },
    /"w" has 5 dimensions/,
  ],
  [
    "a shape that overflows",
    { tensorCount: 1, tensors: [tensor("w", [2 ** 40, 2 ** 40], 0, 0)] },
    /"w" has the impossible shape/,
  ],
  [
    "a row of half a block",
    { tensorCount: 1, tensors: [tensor("w", [16], 8, 0)], data: 34 },
    /"w" has rows of 16, not a multiple/,
  ],
  [
    "a tensor past its end",
    { tensorCount: 1, tensors: [tensor("w", [9], 0, 0)], data: 32 },
    /"w" ends past the end of the file/,
  ],
  [
    "an offset past its end",
    { tensorCount: 1, tensors: [tensor("w", [8], 0, 2 ** 50)], data: 32 },
    /"w" ends past the end of the file/,
  ],
  [
    "a huge offset",
    { tensorCount: 1, tensors: [tensor("w", [8], 0, HUGE)], data: 32 },
    /tensor 0: claims 9223372036854775808 bytes/,
  ],
  [
    "an unaligned tensor",
    { tensorCount: 1, tensors: [tensor("w", [1], 0, 4)], data: 32 },
    /"w" begins at 4, not a multiple of 32/,
  ],
  [
    "a tensor twice",
    { tensorCount: 2, tensors: [tensor("w", [8], 0, 0), tensor("w", [8], 0, 32)], data: 64 },
    /tensor "w" is there twice/,
  ],
  [
    "an overlap",
    { tensorCount: 2, tensors: [tensor("v", [16], 0, 0), tensor("w", [8], 0, 32)], data: 64 },
    /tensor "w" overlaps another/,
  ],
];

test.for(wrong)("a file with %s is refused", async ([, parts, message]) => {
  const text = await refusal(gguf(parts));
  expect(text).toMatch(message);
  expect(text).toContain(path);
});

test("a file that does not exist is named", async () => {
  await expect(readGguf(join(folder, "none.gguf"))).rejects.toThrow(/none\.gguf: no such file or folder/);
});

test("cut anywhere it is refused; with any header byte changed it is read or refused", async () => {
  await convertToGguf({ source: tinyCheckpoint(), type: "q8_0", output: path });
  const whole = readFileSync(path);
  const { tensors } = await readGguf(path);
  for (let percent = 0; percent < 100; percent += 2) {
    await refusal(whole.subarray(0, Math.floor((whole.length * percent) / 100)));
  }
  const header = Math.min(...tensors.map(({ offset }) => offset));
  for (let at = 0; at < header; at += 17) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    const error = await read(changed).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error !== null) expect(error).toBeInstanceOf(OperatorError);
  }
});

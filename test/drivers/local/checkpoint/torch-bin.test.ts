import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openFile } from "../../../../drivers/local/checkpoint/files.ts";
import { openCheckpoint } from "../../../../drivers/local/checkpoint/index.ts";
import { readTorchBin } from "../../../../drivers/local/checkpoint/torch-bin.ts";
import { OperatorError } from "../../../../src/errors.ts";
import { goldenCheckpoints } from "../../../golden-data.ts";
import { call, dict, global, int, pickle, type TensorParts, tensor, text, tuple } from "./pickle-writer.ts";
import { checkpointFolder, newFolder, removeCheckpoints, tinyTensors, zip } from "./tiny-checkpoint.ts";

afterAll(removeCheckpoints);

const written = (content: Uint8Array): string => {
  const path = join(newFolder(), "pytorch_model.bin");
  writeFileSync(path, content);
  return path;
};

async function tensorsOf(content: Uint8Array) {
  const file = await openFile(written(content));
  try {
    return await readTorchBin(file);
  } finally {
    await file.close();
  }
}

async function refusal(content: Uint8Array): Promise<string> {
  const error = await tensorsOf(content).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(OperatorError);
  return error instanceof OperatorError ? error.message : "";
}

const STORAGE = new Uint8Array(Float32Array.from({ length: 12 }, (_, index) => index).buffer);
const archive = (data: Uint8Array, more: Readonly<Record<string, Uint8Array>> = {}) =>
  zip({ "archive/data.pkl": data, "archive/data/0": STORAGE, ...more });
const one = (parts: TensorParts) => archive(pickle(dict({ w: tensor(parts) })));

test("a checkpoint of torch's file opens as that of safetensors does", async () => {
  const members: Record<string, Uint8Array> = {};
  const items: Record<string, Buffer> = {};
  let key = 0;
  for (const [name, { shape, data }] of tinyTensors()) {
    members[`archive/data/${key}`] = data;
    items[name] = call(
      global("torch._utils", "_rebuild_parameter"),
      tensor({ key: String(key++), shape }),
      Buffer.from("\u0088", "latin1"),
      call(global("collections", "OrderedDict")),
    );
  }
  const checkpoint = await openCheckpoint(
    checkpointFolder({
      "pytorch_model.bin": zip({
        "archive/data.pkl": pickle(dict(items)),
        "archive/byteorder": Buffer.from("little"),
        ...members,
      }),
    }),
  );
  try {
    const weight = checkpoint.weights.get("embed_out.weight");
    const raw = Buffer.alloc(8);
    await weight?.file.read(weight.offset, raw);
    expect(raw.readFloatLE(0)).toBe(tinyTensors().size - 1);
    expect(raw.readFloatLE(4)).toBeCloseTo(tinyTensors().size - 1 + 0.001, 5);
  } finally {
    await checkpoint.close();
  }
});

test("a view at an offset is read where it is; one with other strides only if nobody needs it", async () => {
  const [w] = await tensorsOf(one({ shape: [2, 3], offset: 4, elements: 12 }));
  expect(w).toMatchObject({ name: "w", shape: [2, 3], bytes: 24, dtype: "F32", unreadable: null });
  const [transposed] = await tensorsOf(one({ shape: [3, 2], strides: [1, 3], elements: 12 }));
  expect(transposed?.unreadable).toMatch(/strides \[1,3\], not contiguous/);
});

const nested = global("torch.serialization", "load");
const hostile: [what: string, content: Uint8Array, message: RegExp][] = [
  ["runs a command", archive(pickle(call(global("os", "system"), text("id")))), /asks for "os\.system"/],
  [
    "runs it on another system",
    archive(pickle(call(global("posix", "system"), text("id")))),
    /"posix\.system"/,
  ],
  ["evaluates code", archive(pickle(call(global("builtins", "eval"), text("1")))), /"builtins\.eval"/],
  [
    "loads a file in a file",
    archive(pickle(dict({ w: call(nested, text("x")) }))),
    /"torch\.serialization\.load"/,
  ],
  [
    "calls a storage class",
    archive(pickle(call(global("torch", "FloatStorage"), int(9)))),
    /calls "torch\.FloatStorage"/,
  ],
  [
    "names its function on the stack",
    archive(pickle(text("os"), text("system"), Buffer.from("\u0093", "latin1"))),
    /"os\.system"/,
  ],
  ["builds an object by INST", archive(pickle(Buffer.from("(ios\nsystem\n"))), /opcode 0x69/],
  [
    "builds an object by NEWOBJ",
    archive(pickle(global("torch", "FloatStorage"), tuple(), Buffer.from("\u0081", "latin1"))),
    /opcode 0x81/,
  ],
  ["uses the extension registry", archive(pickle(Buffer.from("\u0082\u0001", "latin1"))), /opcode 0x82/],
  ["recalls what it never kept", archive(pickle(Buffer.from("h\u0007"))), /recalls value 7/],
  ["pops an empty stack", archive(pickle(Buffer.from("R"))), /stack does not add up/],
  ["ends early", archive(pickle(text("x")).subarray(0, 5)), /ends early/],
  [
    "promises text beyond its end",
    archive(pickle(Buffer.from("X\u00ff\u00ff\u00ff\u007f", "latin1"))),
    /ends early/,
  ],
  [
    "holds a huge integer",
    archive(pickle(Buffer.from("\u008a\u00ff", "latin1"), Buffer.alloc(255, 1))),
    /255 bytes is not allowed/,
  ],
  ["is no dict", archive(pickle(int(1))), /is not a dict of tensors/],
  ["holds something else", archive(pickle(dict({ w: int(1) }))), /tensor "w" is not a tensor/],
  ["has a negative shape", one({ shape: [-2, 3] }), /tensor "w" has an impossible/],
  [
    "has a shape that overflows",
    one({ shape: [2 ** 31 - 1, 2 ** 31 - 1], elements: 1 }),
    /tensor "w" has the impossible shape|not contiguous/,
  ],
  [
    "reaches past its storage",
    one({ shape: [4, 4], elements: 12 }),
    /tensor "w" ends past the end of its storage/,
  ],
  [
    "begins past its storage",
    one({ shape: [1], offset: 12, elements: 12 }),
    /tensor "w" ends past the end of its storage/,
  ],
  [
    "claims a larger storage",
    one({ shape: [1], elements: 13 }),
    /claims 13 elements in a storage of 48 bytes/,
  ],
  ["has no storage", one({ shape: [1], key: "7" }), /storage in "7", which is missing/],
  ["leaves the archive", one({ shape: [1], key: "../data.pkl" }), /which is missing/],
  ["has an unknown storage", one({ shape: [1], storage: "EvilStorage" }), /"torch\.EvilStorage"/],
  [
    "is big-endian",
    archive(pickle(dict({})), { "archive/byteorder": Buffer.from("big") }),
    /byte order "big"/,
  ],
  ["is compressed", zip({ "archive/data.pkl": pickle(dict({})) }, 8), /is compressed/],
  ["is an archive of something else", zip({ "x/readme": STORAGE }), /holds no data\.pkl/],
  ["is of torch before 1.6", pickle(int(1)), /before version 1\.6/],
  ["is no archive", Buffer.from("hello, world"), /no zip archive/],
  ["is empty", new Uint8Array(0), /no zip archive/],
];

test.for(hostile)("a file that %s is refused", async ([, content, message]) => {
  expect(await refusal(content)).toMatch(message);
});

/** Changes the archive's directory at `field` of its first entry. */
function tampered(field: number, value: number): Buffer {
  const bytes = one({ shape: [12] });
  bytes.writeUInt32LE(value, bytes.readUInt32LE(bytes.length - 6) + field);
  return bytes;
}

test("an archive whose directory lies is refused", async () => {
  expect(await refusal(tampered(42, 9))).toMatch(/no member begins at byte 9/);
  expect(await refusal(tampered(24, 7))).toMatch(/sizes of "archive\/data\.pkl" are impossible/);
  expect(await refusal(tampered(24, 0xffffffff))).toMatch(/sizes of "archive\/data\.pkl" are impossible/);
  const many = one({ shape: [12] });
  many.writeUInt16LE(0xffff, many.length - 12);
  expect(await refusal(many)).toMatch(/entry 2 of its directory is missing/);
  const overlapping = one({ shape: [12] });
  const directory = overlapping.readUInt32LE(overlapping.length - 6);
  overlapping.writeUInt32LE(0, directory + 46 + "archive/data.pkl".length + 42);
  expect(await refusal(overlapping)).toMatch(/overlaps another member/);
});

test.for(goldenCheckpoints("neox-hd80"))("$name: cut anywhere, it is refused", async ({ folder }) => {
  const whole = readFileSync(join(folder, "pytorch_model.bin"));
  for (let percent = 0; percent < 100; percent += 2) {
    const message = await refusal(whole.subarray(0, Math.floor((whole.length * percent) / 100)));
    expect(message).toMatch(/pytorch_model\.bin: /);
  }
});

test("with any byte changed, a file opens or is refused", async () => {
  const whole = one({ shape: [2, 3], elements: 12 });
  let refused = 0;
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    const error = await tensorsOf(changed).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error === null) continue;
    expect(error).toBeInstanceOf(OperatorError);
    refused++;
  }
  expect(refused).toBeGreaterThan(whole.length / 4);
});

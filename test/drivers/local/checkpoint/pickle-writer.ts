/** Pieces of a pickle, protocol 2, as torch.save writes it. */
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const op = (code: string, ...rest: Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.from(code, "latin1"), ...rest]);

export const text = (value: string): Buffer => op("X", u32(Buffer.byteLength(value)), Buffer.from(value));
export const int = (value: number): Buffer => op("J", u32(value));
export const global = (module: string, name: string): Buffer => op(`c${module}\n${name}\n`);
export const tuple = (...items: Buffer[]): Buffer => op("(", ...items, Buffer.from("t"));
export const call = (callee: Buffer, ...args: Buffer[]): Buffer =>
  op("", callee, tuple(...args), Buffer.from("R"));
export const dict = (items: Readonly<Record<string, Buffer>>): Buffer =>
  op("}(", ...Object.entries(items).flatMap(([key, value]) => [text(key), value]), Buffer.from("u"));
export const pickle = (...parts: Buffer[]): Buffer => op("\u0080\u0002", ...parts, Buffer.from("."));

export interface TensorParts {
  storage?: string;
  key?: string;
  elements?: number;
  offset?: number;
  shape: number[];
  strides?: number[];
}

const rowMajor = (shape: number[]): number[] =>
  shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));

export function tensor({
  storage = "FloatStorage",
  key = "0",
  offset = 0,
  shape,
  ...rest
}: TensorParts): Buffer {
  const { elements = shape.reduce((a, b) => a * b, 1), strides = rowMajor(shape) } = rest;
  const reference = op(
    "",
    tuple(text("storage"), global("torch", storage), text(key), text("cpu"), int(elements)),
    Buffer.from("Q"),
  );
  return call(
    global("torch._utils", "_rebuild_tensor_v2"),
    reference,
    int(offset),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    Buffer.from("\u0089", "latin1"),
    call(global("collections", "OrderedDict")),
  );
}

import {
  DEFAULT_ALIGNMENT,
  MAGIC,
  padTo,
  TENSOR_TYPES,
  type TensorInfo,
  type TypedValue,
  tensorBytes,
  VALUE_TYPES,
  VERSION,
} from "./format.ts";

/** The head of a GGUF file, up to where the first tensor's data begins. Tensors lie in the order given. */
export function encodeHeader(
  metadata: ReadonlyMap<string, TypedValue>,
  tensors: readonly TensorInfo[],
): Uint8Array {
  const parts: Uint8Array[] = [
    numbers("uint32", [MAGIC, VERSION]),
    uint64(tensors.length),
    uint64(metadata.size),
  ];
  for (const [key, value] of metadata) parts.push(text(key), encodeValue(value));
  let offset = 0;
  for (const tensor of tensors) {
    parts.push(
      text(tensor.name),
      numbers("uint32", [tensor.dimensions.length]),
      ...tensor.dimensions.map(uint64),
      numbers("uint32", [TENSOR_TYPES[tensor.type].id]),
      uint64(offset),
    );
    offset += padTo(DEFAULT_ALIGNMENT, tensorBytes(tensor));
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  parts.push(new Uint8Array(padTo(DEFAULT_ALIGNMENT, length) - length));
  return Buffer.concat(parts);
}

function encodeValue(typed: TypedValue): Uint8Array {
  switch (typed.type) {
    case "uint32":
    case "int32":
    case "float32":
      return Buffer.concat([
        numbers("uint32", [VALUE_TYPES[typed.type]]),
        numbers(typed.type, [typed.value]),
      ]);
    case "bool":
      return Buffer.concat([numbers("uint32", [VALUE_TYPES.bool]), Uint8Array.of(typed.value ? 1 : 0)]);
    case "string":
      return Buffer.concat([numbers("uint32", [VALUE_TYPES.string]), text(typed.value)]);
    case "strings":
      return Buffer.concat([arrayHead("string", typed.value.length), ...typed.value.map(text)]);
    case "int32s":
      return Buffer.concat([arrayHead("int32", typed.value.length), numbers("int32", typed.value)]);
  }
}

const arrayHead = (type: "string" | "int32", length: number): Uint8Array =>
  Buffer.concat([numbers("uint32", [VALUE_TYPES.array, VALUE_TYPES[type]]), uint64(length)]);

function numbers(type: "uint32" | "int32" | "float32", values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, index) => {
    if (type === "float32") view.setFloat32(4 * index, value, true);
    else if (type === "int32") view.setInt32(4 * index, value, true);
    else view.setUint32(4 * index, value, true);
  });
  return new Uint8Array(view.buffer);
}

function uint64(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(value), true);
  return new Uint8Array(view.buffer);
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

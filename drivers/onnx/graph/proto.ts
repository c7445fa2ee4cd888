import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Element types that the graphs use, by their numbers in onnx.proto3 (`TensorProto.DataType`). */
export const ELEMENT_TYPES = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9, f16: 10, bf16: 16 } as const;
export type ElementType = keyof typeof ELEMENT_TYPES;
export type FloatElement = Extract<ElementType, "f32" | "f16" | "bf16">;

export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  f32: 4,
  u8: 1,
  i8: 1,
  i32: 4,
  i64: 8,
  bool: 1,
  f16: 2,
  bf16: 2,
};

/** A value that goes into the graph or comes out of it; a dimension is a size or the name of one. */
export interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

/** Integers are `int`, fractions are told apart by `float`. */
export type Attribute = number | string | { readonly float: number };

export interface GraphNode {
  readonly op: string;
  /** Empty: the ONNX standard's own. */
  readonly domain: "" | "com.microsoft";
  /** An empty name is an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A constant of the graph; its bytes stand in it, or in the file beside it. */
export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: Uint8Array | { readonly offset: number; readonly length: number };
}

export interface OnnxModel {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: readonly Initializer[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Base name of the file beside it that holds the large constants. */
  readonly dataFile: string;
}

/** ONNX 1.12: the first with LayerNormalization in the standard. */
const IR_VERSION = 8;
const STANDARD_OPSET = 17;

/** `ModelProto` of onnx.proto3; field numbers are that file's. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const opset = (domain: string, version: number) =>
    message((writer) => {
      text(writer, 1, domain);
      int(writer, 2, version);
    });
  return message((writer) => {
    int(writer, 1, IR_VERSION);
    text(writer, 2, "dolly-gateway");
    bytes(writer, 7, encodeGraph(model));
    bytes(writer, 8, opset("", STANDARD_OPSET));
    bytes(writer, 8, opset("com.microsoft", 1));
    for (const [key, value] of Object.entries(model.metadata)) bytes(writer, 14, entry(key, value));
  });
}

const encodeGraph = ({ name, nodes, inputs, outputs, initializers, dataFile }: OnnxModel): Uint8Array =>
  message((writer) => {
    for (const [index, node] of nodes.entries()) bytes(writer, 1, encodeNode(node, `${node.op}_${index}`));
    text(writer, 2, name);
    for (const initializer of initializers) bytes(writer, 5, encodeTensor(initializer, dataFile));
    for (const value of inputs) bytes(writer, 11, encodeValueInfo(value));
    for (const value of outputs) bytes(writer, 12, encodeValueInfo(value));
  });

const encodeNode = ({ op, domain, inputs, outputs, attributes }: GraphNode, name: string): Uint8Array =>
  message((writer) => {
    for (const input of inputs) text(writer, 1, input);
    for (const output of outputs) text(writer, 2, output);
    text(writer, 3, name);
    text(writer, 4, op);
    for (const [key, value] of Object.entries(attributes)) bytes(writer, 5, encodeAttribute(key, value));
    if (domain !== "") text(writer, 7, domain);
  });

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3 } as const;

const encodeAttribute = (name: string, value: Attribute): Uint8Array =>
  message((writer) => {
    text(writer, 1, name);
    if (typeof value === "number") int(writer, 3, value);
    else if (typeof value === "string") text(writer, 4, value);
    else writer.tag(2, WireType.Bit32).float(value.float);
    const type = typeof value === "number" ? "int" : typeof value === "string" ? "string" : "float";
    int(writer, 20, ATTRIBUTE_TYPES[type]);
  });

const encodeTensor = ({ name, type, shape, data }: Initializer, dataFile: string): Uint8Array =>
  message((writer) => {
    for (const extent of shape) int(writer, 1, extent);
    int(writer, 2, ELEMENT_TYPES[type]);
    text(writer, 8, name);
    if (data instanceof Uint8Array) {
      bytes(writer, 9, data);
      return;
    }
    const place = { location: dataFile, offset: String(data.offset), length: String(data.length) };
    for (const [key, value] of Object.entries(place)) bytes(writer, 13, entry(key, value));
    // DataLocation.EXTERNAL
    int(writer, 14, 1);
  });

const encodeValueInfo = ({ name, type, shape }: ValueInfo): Uint8Array => {
  const dimensions = message((writer) => {
    for (const extent of shape) {
      const dimension = message((inner) => {
        if (typeof extent === "number") int(inner, 1, extent);
        else text(inner, 2, extent);
      });
      bytes(writer, 1, dimension);
    }
  });
  const tensor = message((writer) => {
    int(writer, 1, ELEMENT_TYPES[type]);
    bytes(writer, 2, dimensions);
  });
  return message((writer) => {
    text(writer, 1, name);
    bytes(
      writer,
      2,
      message((inner) => bytes(inner, 1, tensor)),
    );
  });
};

const entry = (key: string, value: string): Uint8Array =>
  message((writer) => {
    text(writer, 1, key);
    text(writer, 2, value);
  });

function message(write: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

const int = (writer: BinaryWriter, field: number, value: number) =>
  writer.tag(field, WireType.Varint).int64(value);
const text = (writer: BinaryWriter, field: number, value: string) =>
  writer.tag(field, WireType.LengthDelimited).string(value);
const bytes = (writer: BinaryWriter, field: number, value: Uint8Array) =>
  writer.tag(field, WireType.LengthDelimited).bytes(value);

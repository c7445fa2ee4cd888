import { encodeFloats } from "../../local/checkpoint/encode-floats.ts";
import type { Weight } from "../../local/checkpoint/tensor.ts";
import {
  type Attribute,
  ELEMENT_TYPES,
  type ElementType,
  type FloatElement,
  type GraphNode,
  type ValueInfo,
} from "./proto.ts";
import {
  type MatrixSource,
  type MatrixType,
  type StoredMatrix,
  type StoredPart,
  storedMatrix,
} from "./weights.ts";

/** A small constant that the graph holds itself: numbers computed here, or a vector of the checkpoint. */
export interface InlineConstant {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly content: Uint8Array | { readonly weight: Weight; readonly element: FloatElement };
}

/** What a decoder's graph consists of, before the weights are read. */
export interface DecoderGraph {
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly constants: readonly InlineConstant[];
  readonly matrices: readonly StoredMatrix[];
}

/** Collects a graph; every function that adds to it returns the name of the value that it computes. */
export class GraphBuilder {
  /** What is computed in. */
  readonly compute: FloatElement;
  readonly #nodes: GraphNode[] = [];
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #constants = new Map<string, InlineConstant>();
  readonly #matrices: StoredMatrix[] = [];
  #values = 0;

  constructor(compute: FloatElement) {
    this.compute = compute;
  }

  input(name: string, type: ElementType, shape: ValueInfo["shape"]): string {
    this.#inputs.push({ name, type, shape });
    return name;
  }

  output(name: string, type: ElementType, shape: ValueInfo["shape"]): string {
    this.#outputs.push({ name, type, shape });
    return name;
  }

  /** An operation of the ONNX standard. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: GraphNode["attributes"] = {},
    output?: string,
  ): string {
    return this.#add({ op, domain: "", inputs, attributes }, output === undefined ? [] : [output]);
  }

  /** An operation of ONNX Runtime's own, of which `outputs` name all values, where it has several. */
  contrib(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    outputs: readonly string[] = [],
  ): string {
    return this.#add({ op, domain: "com.microsoft", inputs, attributes }, outputs);
  }

  /** A vector of the checkpoint. */
  vector(weight: Weight): string {
    const { name, shape } = weight;
    const element = this.compute;
    return this.constant({ name, type: element, shape, content: { weight, element } });
  }

  integers(name: string, values: readonly number[]): string {
    const content = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.constant({ name, type: "i64", shape: [values.length], content });
  }

  table(name: string, shape: readonly number[], values: Float32Array<ArrayBuffer>): string {
    const content = encodeFloats(this.compute, values);
    return this.constant({ name, type: this.compute, shape, content });
  }

  /** The value in another type of numbers; itself where it is of that type. */
  cast(value: string, from: FloatElement, to: FloatElement): string {
    return from === to ? value : this.node("Cast", [value], { to: ELEMENT_TYPES[to] });
  }

  constant(constant: InlineConstant): string {
    this.#constants.set(constant.name, constant);
    return constant.name;
  }

  /** A matrix of the checkpoint in the file beside the graph. */
  matrix(source: MatrixSource, type: MatrixType): readonly StoredPart[] {
    const stored = storedMatrix(source, type);
    this.#matrices.push(stored);
    return stored.parts;
  }

  finish(): DecoderGraph {
    return {
      nodes: this.#nodes,
      inputs: this.#inputs,
      outputs: this.#outputs,
      constants: [...this.#constants.values()],
      matrices: this.#matrices,
    };
  }

  #add(node: Omit<GraphNode, "outputs">, outputs: readonly string[]): string {
    const [first = `${node.op}_${this.#values++}`, ...others] = outputs;
    this.#nodes.push({ ...node, outputs: [first, ...others] });
    return first;
  }
}

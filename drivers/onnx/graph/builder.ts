import type { Weight } from "../../local/checkpoint/tensor.ts";
import type { Attribute, ElementType, GraphNode, ValueInfo } from "./proto.ts";
import {
  type MatrixSource,
  type MatrixType,
  type StoredMatrix,
  type StoredPart,
  storedMatrix,
} from "./weights.ts";

/** A small constant that the graph holds itself: numbers computed here, or a vector of the checkpoint as float32. */
export interface InlineConstant {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly content: Uint8Array | Weight;
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
  readonly #nodes: GraphNode[] = [];
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #constants = new Map<string, InlineConstant>();
  readonly #matrices: StoredMatrix[] = [];
  #values = 0;

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

  /** A vector of the checkpoint, as float32. */
  vector(weight: Weight): string {
    return this.constant({ name: weight.name, type: "f32", shape: weight.shape, content: weight });
  }

  integers(name: string, values: readonly number[]): string {
    const content = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.constant({ name, type: "i64", shape: [values.length], content });
  }

  /** A table of float32 numbers. */
  table(name: string, shape: readonly number[], values: Float32Array<ArrayBuffer>): string {
    return this.constant({ name, type: "f32", shape, content: new Uint8Array(values.buffer) });
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

import type { Pass } from "./passes.ts";
import type { CudaDevice, DeviceAddress } from "./runtime/cudart.ts";
import type { Binding, OrtSession, Tensor } from "./runtime/session.ts";

/** How many passes of different slots are kept; each holds a graph in the GPU's memory. */
const MOST_GRAPHS = 32;

export interface GraphShape {
  readonly contextLength: number;
  readonly vocabularySize: number;
}

/**
 * Passes of one token for each slot as CUDA graphs: what the GPU is told to do is recorded once for the same slots, and
 * then only begun. Inputs and outputs therefore stay at one place of its memory, and are copied there and back.
 */
export class DecodeGraphs {
  readonly #gpu: CudaDevice;
  readonly #session: OrtSession;
  readonly #shape: GraphShape;
  /** By first slot and number of slots. */
  readonly #graphs = new Map<string, DecodeGraph>();

  constructor(gpu: CudaDevice, session: OrtSession, shape: GraphShape) {
    this.#gpu = gpu;
    this.#session = session;
    this.#shape = shape;
  }

  /** The graph of a pass; undefined where it is none of one token for each slot, or there are too many already. */
  of(pass: Pass, caches: () => Binding): DecodeGraph | undefined {
    if (pass.length !== 1) return undefined;
    const key = `${pass.first}+${pass.slots}`;
    const kept = this.#graphs.get(key);
    if (kept !== undefined || this.#graphs.size === MOST_GRAPHS) return kept;
    const id = this.#graphs.size;
    const made = new DecodeGraph(this.#gpu, this.#session, {
      ...this.#shape,
      slots: pass.slots,
      id,
      binding: caches(),
    });
    this.#graphs.set(key, made);
    return made;
  }

  release(): void {
    for (const graph of this.#graphs.values()) graph.release();
    this.#graphs.clear();
  }
}

class DecodeGraph {
  readonly #gpu: CudaDevice;
  readonly #session: OrtSession;
  readonly #id: number;
  readonly #binding: Binding;
  readonly #rowBytes: number;
  readonly #ids: DeviceAddress;
  readonly #positions: DeviceAddress;
  readonly #rows: DeviceAddress;
  readonly #logits: DeviceAddress;

  /** `binding` has the caches bound. */
  constructor(
    gpu: CudaDevice,
    session: OrtSession,
    {
      slots,
      contextLength,
      vocabularySize,
      id,
      binding,
    }: GraphShape & { slots: number; id: number; binding: Binding },
  ) {
    this.#gpu = gpu;
    this.#session = session;
    this.#id = id;
    this.#binding = binding;
    this.#rowBytes = vocabularySize * 4;
    this.#ids = gpu.allocate(slots * 8);
    this.#positions = gpu.allocate(slots * 4);
    this.#rows = gpu.allocate(slots * 8);
    this.#logits = gpu.allocate(slots * this.#rowBytes);
    gpu.write(
      this.#rows,
      BigInt64Array.from({ length: slots }, (_, row) => BigInt(row)),
    );
    const inputs: [string, Tensor][] = [
      ["input_ids", session.gpuTensor(this.#ids, [slots, 1], "i64")],
      ["last_positions", session.gpuTensor(this.#positions, [slots], "i32")],
      // What is recorded must hold for every length that a slot will have; attention itself reads each slot's own.
      ["most_tokens", session.tensor(Int32Array.of(contextLength), [1])],
      ["logit_rows", session.gpuTensor(this.#rows, [slots], "i64")],
    ];
    const output = session.gpuTensor(this.#logits, [slots, vocabularySize], "f32");
    for (const [name, tensor] of inputs) binding.input(name, tensor);
    binding.output("logits", output);
    for (const { release } of [...inputs.map(([, tensor]) => tensor), output]) release();
  }

  /** Computes the pass; `logits` takes those of its rows, or of the first where it wants none. False where it was interrupted. */
  async compute(pass: Pass, logits: Float32Array<ArrayBuffer>): Promise<boolean> {
    this.#gpu.write(this.#ids, BigInt64Array.from(pass.tokens, BigInt));
    this.#gpu.write(this.#positions, Int32Array.from(pass.lastPositions));
    if (!(await this.#session.run(this.#binding, pass.tokens.length, this.#id))) return false;
    const width = this.#rowBytes / 4;
    for (const [place, row] of pass.rows.entries()) {
      this.#gpu.read(
        logits.subarray(place * width, (place + 1) * width),
        this.#logits + BigInt(row * this.#rowBytes),
      );
    }
    return true;
  }

  release(): void {
    for (const address of [this.#ids, this.#positions, this.#rows, this.#logits]) this.#gpu.free(address);
  }
}

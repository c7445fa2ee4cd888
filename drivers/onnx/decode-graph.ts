import type { Pass } from "./passes.ts";
import type { CudaDevice, DeviceAddress } from "./runtime/cudart.ts";
import type { Binding, OrtSession, Tensor } from "./runtime/session.ts";

/** How many passes of different slots are kept; CUDA holds a graph of each. */
const MOST_GRAPHS = 32;

export interface GraphShape {
  readonly slots: number;
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
  readonly #places: Places;
  /** By first slot and number of slots. */
  readonly #graphs = new Map<string, DecodeGraph>();

  constructor(gpu: CudaDevice, session: OrtSession, shape: GraphShape) {
    const { slots, vocabularySize } = shape;
    this.#gpu = gpu;
    this.#session = session;
    this.#shape = shape;
    this.#places = {
      ids: gpu.allocate(slots * 8),
      positions: gpu.allocate(slots * 4),
      rows: gpu.allocate(slots * 8),
      logits: gpu.allocate(slots * vocabularySize * 4),
    };
    const rows = BigInt64Array.from({ length: slots }, (_, row) => BigInt(row));
    gpu.write(this.#places.rows, rows);
  }

  /** The graph of a pass; undefined where it is none of one token for each slot, or there are too many already. */
  of(pass: Pass, caches: () => Binding): DecodeGraph | undefined {
    if (pass.length !== 1) return undefined;
    const key = `${pass.first}+${pass.slots}`;
    const kept = this.#graphs.get(key);
    if (kept !== undefined || this.#graphs.size === MOST_GRAPHS) return kept;
    const id = this.#graphs.size;
    const binding = caches();
    this.#bind(binding, pass.slots);
    const { vocabularySize } = this.#shape;
    const parts = { id, binding, places: this.#places, vocabularySize };
    const made = new DecodeGraph(this.#gpu, this.#session, parts);
    this.#graphs.set(key, made);
    return made;
  }

  /** Binds what is not a cache for `slots` slots. */
  #bind(binding: Binding, slots: number): void {
    const session = this.#session;
    const { ids, positions, rows, logits } = this.#places;
    const { contextLength, vocabularySize } = this.#shape;
    const inputs: [string, Tensor][] = [
      ["input_ids", session.gpuTensor(ids, [slots, 1], "i64")],
      ["last_positions", session.gpuTensor(positions, [slots], "i32")],
      // What is recorded must hold for every length that a slot will have; attention itself reads each slot's own.
      ["most_tokens", session.tensor(Int32Array.of(contextLength), [1])],
      ["logit_rows", session.gpuTensor(rows, [slots], "i64")],
    ];
    const output = session.gpuTensor(logits, [slots, vocabularySize], "f32");
    for (const [name, tensor] of inputs) binding.input(name, tensor);
    binding.output("logits", output);
    for (const { release } of [...inputs.map(([, tensor]) => tensor), output]) release();
  }

  release(): void {
    for (const address of Object.values(this.#places)) this.#gpu.free(address);
    this.#graphs.clear();
  }
}

/** Memory that all graphs share, for only one is computed at a time. */
interface Places {
  /** `[slots]`, int64: tokens. */
  readonly ids: DeviceAddress;
  /** `[slots]`, int32 */
  readonly positions: DeviceAddress;
  /** `[slots]`, int64: 0 and so on. */
  readonly rows: DeviceAddress;
  /** `[slots, vocabulary]`, float32 */
  readonly logits: DeviceAddress;
}

class DecodeGraph {
  readonly #gpu: CudaDevice;
  readonly #session: OrtSession;
  readonly #id: number;
  readonly #binding: Binding;
  readonly #places: Places;
  readonly #width: number;

  /** `binding` has all bound. */
  constructor(
    gpu: CudaDevice,
    session: OrtSession,
    {
      id,
      binding,
      places,
      vocabularySize,
    }: { id: number; binding: Binding; places: Places; vocabularySize: number },
  ) {
    this.#gpu = gpu;
    this.#session = session;
    this.#id = id;
    this.#binding = binding;
    this.#places = places;
    this.#width = vocabularySize;
  }

  /** Computes the pass; `logits` takes those of its rows. False where it was interrupted. */
  async compute(pass: Pass, logits: Float32Array<ArrayBuffer>): Promise<boolean> {
    const width = this.#width;
    this.#gpu.write(this.#places.ids, BigInt64Array.from(pass.tokens, BigInt));
    this.#gpu.write(this.#places.positions, Int32Array.from(pass.lastPositions));
    if (!(await this.#session.run(this.#binding, pass.tokens.length, this.#id))) return false;
    for (const [place, row] of pass.rows.entries()) {
      this.#gpu.read(
        logits.subarray(place * width, (place + 1) * width),
        this.#places.logits + BigInt(row * width * 4),
      );
    }
    return true;
  }
}

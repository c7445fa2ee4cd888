import {
  type Engine,
  type EngineInfo,
  type SlotInput,
  StepInterrupted,
  type StepOutput,
} from "../local/engine.ts";
import { checkCopy, checkInputs, checkLength } from "../local/step-check.ts";
import type { DecodeGraphs } from "./decode-graph.ts";
import type { OnnxEngineOptions } from "./engine-options.ts";
import type { KvMemory } from "./kv-memory.ts";
import { KvPool } from "./kv-pool.ts";
import { type Pass, passesOf } from "./passes.ts";
import type { Binding, OrtSession, Tensor, TensorData } from "./runtime/session.ts";

/** A decoder's graph (graph/decoder.ts) in a session of ONNX Runtime: the engine of this driver. It owns the session. */
export class SessionEngine implements Engine {
  readonly info: EngineInfo;
  readonly #session: OrtSession;
  readonly #pool: KvPool;
  readonly #graphs: DecodeGraphs | undefined;
  /** By first slot and number of slots. */
  readonly #bindings = new Map<string, Binding>();
  /** Tokens that each slot holds. */
  readonly #lengths: number[];
  /** Inputs of a run, read where they stand. */
  readonly #ids: BigInt64Array<ArrayBuffer>;
  readonly #lastPositions: Int32Array<ArrayBuffer>;
  readonly #mostTokens = new Int32Array(1);
  readonly #rows: BigInt64Array<ArrayBuffer>;
  /** `[rows, vocabulary]` of the whole step. */
  #logits: Float32Array<ArrayBuffer>;
  #interrupted = false;

  /** `device`: what computes, for people. `graphs`: passes of one token as CUDA graphs. */
  constructor(
    session: OrtSession,
    options: OnnxEngineOptions,
    { memory, device, graphs }: { memory: KvMemory; device: string; graphs?: DecodeGraphs },
  ) {
    const { layers, heads, headSize, slots, contextLength, batchTokens, vocabularySize } = options;
    this.#session = session;
    this.#graphs = graphs;
    this.#pool = new KvPool({ layers, heads, headSize, slots, positions: contextLength }, memory);
    this.#lengths = Array.from({ length: slots }, () => 0);
    this.#ids = new BigInt64Array(batchTokens + slots);
    this.#rows = new BigInt64Array(batchTokens + slots);
    this.#lastPositions = new Int32Array(slots);
    this.#logits = new Float32Array((slots + 1) * vocabularySize);
    this.info = {
      vocabularySize,
      contextLength,
      slots,
      batchTokens,
      device: `${device}: ONNX Runtime ${session.version}`,
    };
  }

  async step(inputs: readonly SlotInput[]): Promise<StepOutput> {
    checkInputs(inputs, this.info, this.#lengths);
    for (const { slot, position } of inputs) this.truncate(slot, position);
    const passes = passesOf(inputs, this.info, this.#lengths);
    const places = this.#placeRows(passes);
    this.#interrupted = false;
    this.#session.resume();
    let place = 0;
    for (const pass of passes) {
      if (this.#interrupted || !(await this.#compute(pass, place))) {
        throw new StepInterrupted("The step was interrupted.");
      }
      place += Math.max(1, pass.rows.length);
    }
    for (const { slot, position, tokens } of inputs) this.#lengths[slot] = position + tokens.length;
    return this.#output(places);
  }

  /** Of each row of the step, where its logits will stand. A pass computes at least one row. */
  #placeRows(passes: readonly Pass[]): number[] {
    const places: number[] = [];
    let place = 0;
    for (const { outputs, rows } of passes) {
      for (const [index, output] of outputs.entries()) places[output] = place + index;
      place += Math.max(1, rows.length);
    }
    const needed = place * this.info.vocabularySize;
    if (needed > this.#logits.length) this.#logits = new Float32Array(needed);
    return places;
  }

  /** Computes a pass; its logits stand from row `place` on. False where it was interrupted. */
  async #compute(pass: Pass, place: number): Promise<boolean> {
    const { first, slots, length, tokens, lastPositions, rows } = pass;
    const { vocabularySize } = this.info;
    const wanted = rows.length === 0 ? [0] : rows;
    const logits = this.#logits.subarray(place * vocabularySize, (place + wanted.length) * vocabularySize);
    const graph = this.#graphs?.of(pass, () => this.#pool.bind(this.#session, first, slots));
    if (graph !== undefined) return graph.compute(pass, logits);
    for (const [index, token] of tokens.entries()) this.#ids[index] = BigInt(token);
    for (const [index, row] of wanted.entries()) this.#rows[index] = BigInt(row);
    this.#lastPositions.set(lastPositions);
    this.#mostTokens[0] = Math.max(...lastPositions) + 1;
    const binding = this.#binding(first, slots);
    const inputs: [string, TensorData, number[]][] = [
      ["input_ids", this.#ids.subarray(0, tokens.length), [slots, length]],
      ["last_positions", this.#lastPositions.subarray(0, slots), [slots]],
      ["most_tokens", this.#mostTokens, [1]],
      ["logit_rows", this.#rows.subarray(0, wanted.length), [wanted.length]],
    ];
    const tensors: Tensor[] = [];
    const tensor = (data: TensorData, shape: number[]) => {
      const made = this.#session.tensor(data, shape);
      tensors.push(made);
      return made;
    };
    try {
      for (const [name, data, shape] of inputs) binding.input(name, tensor(data, shape));
      binding.output("logits", tensor(logits, [wanted.length, vocabularySize]));
      return await this.#session.run(binding, tokens.length);
    } finally {
      for (const { release } of tensors) release();
    }
  }

  #binding(first: number, slots: number): Binding {
    const key = `${first}+${slots}`;
    const kept = this.#bindings.get(key);
    if (kept !== undefined) return kept;
    const made = this.#pool.bind(this.#session, first, slots);
    this.#bindings.set(key, made);
    return made;
  }

  #output(places: readonly number[]): StepOutput {
    const { vocabularySize } = this.info;
    const logits = this.#logits;
    return {
      rows: places.length,
      row(index) {
        const place = places[index];
        if (place === undefined) throw new RangeError(`There is no row ${index} among ${places.length}.`);
        return logits.subarray(place * vocabularySize, (place + 1) * vocabularySize);
      },
    };
  }

  interrupt(): void {
    this.#interrupted = true;
    this.#session.terminate();
  }

  copy(from: number, to: number, length: number): void {
    checkCopy(from, to, length, this.info, this.#lengths);
    this.#pool.copy(from, to, length);
    this.#lengths[to] = length;
  }

  truncate(slot: number, length: number): void {
    checkLength(slot, length, this.info, this.#lengths);
    this.#lengths[slot] = length;
  }

  close(): void {
    this.#session.release();
    this.#graphs?.release();
    this.#pool.release();
  }
}

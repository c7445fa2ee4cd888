import { toFloat32 } from "../../local/checkpoint/floats.ts";
import {
  type Engine,
  type EngineInfo,
  rowsOf,
  type SlotInput,
  StepInterrupted,
  type StepOutput,
} from "../../local/engine.ts";
import { checkCopy, checkInputs, checkLength } from "../../local/step-check.ts";
import type { Binding, OrtSession, Tensor, TensorData } from "../runtime/session.ts";
import { ExportedCaches } from "./caches.ts";
import type { ExportedEngineOptions } from "./engine-options.ts";
import type { FloatType, Signature } from "./signature.ts";

/** A graph in a session. */
interface Loaded {
  readonly session: OrtSession;
  readonly signature: Signature;
  readonly binding: Binding;
}

/** The sessions of an export's graphs. */
export interface ExportedSessions {
  readonly first: OrtSession;
  readonly later: OrtSession | null;
}

/**
 * A decoder that Optimum exported, one slot a run: its attention takes no batch of unequal lengths without padding.
 * It owns the sessions.
 */
export class ExportedEngine implements Engine {
  readonly info: EngineInfo;
  readonly #first: Loaded;
  readonly #later: Loaded;
  readonly #caches: ExportedCaches;
  readonly #lengths: number[];
  /** Whether a run of several tokens may go on from earlier ones. */
  #pieces: boolean;
  /** `[rows, vocabulary]` of the whole step. */
  #rows: Float32Array<ArrayBuffer>;
  /** `[tokens, vocabulary]` of a run. */
  #logits: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
  #running: OrtSession | undefined;
  #interrupted = false;

  constructor({ first, later }: ExportedSessions, options: ExportedEngineOptions) {
    const { layers, heads, headSize, slots, contextLength, batchTokens, vocabularySize } = options;
    const type = options.first.signature.cacheType;
    this.#first = { session: first, signature: options.first.signature, binding: first.binding() };
    this.#later =
      later === null || options.later === null
        ? this.#first
        : { session: later, signature: options.later.signature, binding: later.binding() };
    this.#caches = new ExportedCaches({ layers, heads, headSize, slots, positions: contextLength, type });
    this.#lengths = Array.from({ length: slots }, () => 0);
    this.#pieces = this.#later.signature.mostTokens !== 1;
    this.#rows = new Float32Array(slots * vocabularySize);
    this.#logits = new Float32Array(0);
    const device = `CPU: ONNX Runtime ${first.version}`;
    this.info = { vocabularySize, contextLength, slots, batchTokens, device };
  }

  async step(inputs: readonly SlotInput[]): Promise<StepOutput> {
    checkInputs(inputs, this.info, this.#lengths);
    const { vocabularySize } = this.info;
    const rows = inputs.reduce((sum, input) => sum + rowsOf(input), 0);
    if (rows * vocabularySize > this.#rows.length) this.#rows = new Float32Array(rows * vocabularySize);
    this.#interrupted = false;
    let place = 0;
    for (const input of inputs) {
      this.truncate(input.slot, input.position);
      const before = this.#lengths[input.slot] ?? 0;
      const wantedFrom = input.tokens.length - rowsOf(input);
      for (const { from, tokens } of this.#piecesOf(input)) {
        await this.#compute(input.slot, before + from, tokens);
        for (const index of tokens.keys()) {
          if (from + index >= wantedFrom) this.#keepRow(index, tokens.length, place++);
        }
      }
    }
    const output = this.#rows;
    return {
      rows,
      row(index) {
        if (!(index >= 0 && index < rows)) throw new RangeError(`There is no row ${index} among ${rows}.`);
        return output.subarray(index * vocabularySize, (index + 1) * vocabularySize);
      },
    };
  }

  /** The runs that feed an input's tokens. */
  #piecesOf({ position, tokens }: SlotInput): { from: number; tokens: readonly number[] }[] {
    if (this.#pieces || (position === 0 && this.#first.signature.mostTokens !== 1))
      return [{ from: 0, tokens }];
    return tokens.map((token, from) => ({ from, tokens: [token] }));
  }

  /** Computes tokens that follow the `held` ones of a slot, which then holds them too. Throws StepInterrupted. */
  async #compute(slot: number, held: number, tokens: readonly number[]): Promise<void> {
    const { session, signature, binding } = held === 0 ? this.#first : this.#later;
    const { vocabularySize } = this.info;
    const count = tokens.length;
    this.#reserve(count * vocabularySize, signature.logitsType);
    const { has, past } = signature;
    const inputs: [string, TensorData, number[]][] = [
      ["input_ids", BigInt64Array.from(tokens, BigInt), [1, count]],
    ];
    if (has.attention_mask) {
      inputs.push(["attention_mask", new BigInt64Array(held + count).fill(1n), [1, held + count]]);
    }
    if (has.position_ids) {
      const positions = BigInt64Array.from(tokens, (_, index) => BigInt(held + index));
      inputs.push(["position_ids", positions, [1, count]]);
    }
    if (has.use_cache_branch) inputs.push(["use_cache_branch", Uint8Array.of(held === 0 ? 0 : 1), [1]]);
    const tensors: Tensor[] = [];
    try {
      for (const [name, data, shape] of inputs) {
        const made = session.tensor(data, shape);
        tensors.push(made);
        binding.input(name, made);
      }
      const logits = session.tensor(this.#logits.subarray(0, count * vocabularySize), [
        1,
        count,
        vocabularySize,
      ]);
      tensors.push(logits);
      binding.output("logits", logits);
      tensors.push(...this.#caches.bind(session, binding, { slot, held, added: count, past }));
      await this.#run(session, binding, count);
    } finally {
      for (const { release } of tensors) release();
    }
    this.#caches.accept(slot);
    this.#lengths[slot] = held + count;
  }

  async #run(session: OrtSession, binding: Binding, tokens: number): Promise<void> {
    if (this.#interrupted) throw new StepInterrupted("The step was interrupted.");
    session.resume();
    this.#running = session;
    try {
      if (!(await session.run(binding, tokens))) throw new StepInterrupted("The step was interrupted.");
    } finally {
      this.#running = undefined;
    }
  }

  #reserve(elements: number, type: FloatType): void {
    if (type === "f32") {
      if (!(this.#logits instanceof Float32Array) || this.#logits.length < elements) {
        this.#logits = new Float32Array(elements);
      }
    } else if (!(this.#logits instanceof Uint16Array) || this.#logits.length < elements) {
      this.#logits = new Uint16Array(elements);
    }
  }

  /** Keeps a token's logits of the last run as row `place` of the step. */
  #keepRow(index: number, count: number, place: number): void {
    const { vocabularySize } = this.info;
    if (index >= count) throw new RangeError(`The run had ${count} tokens.`);
    const from = this.#logits.subarray(index * vocabularySize, (index + 1) * vocabularySize);
    const target = this.#rows.subarray(place * vocabularySize, (place + 1) * vocabularySize);
    if (from instanceof Float32Array) target.set(from);
    else toFloat32("F16", new Uint8Array(from.buffer, from.byteOffset, from.byteLength), target);
  }

  /** From now on tokens that follow earlier ones are fed one by one. */
  feedSingly(): void {
    this.#pieces = false;
  }

  interrupt(): void {
    this.#interrupted = true;
    this.#running?.terminate();
  }

  copy(from: number, to: number, length: number): void {
    checkCopy(from, to, length, this.info, this.#lengths);
    this.#caches.copy(from, to, this.#lengths[from] ?? 0, length);
    this.#lengths[to] = length;
  }

  truncate(slot: number, length: number): void {
    checkLength(slot, length, this.info, this.#lengths);
    this.#caches.truncate(slot, this.#lengths[slot] ?? 0, length);
    this.#lengths[slot] = length;
  }

  close(): void {
    this.#first.session.release();
    if (this.#later !== this.#first) this.#later.session.release();
  }
}

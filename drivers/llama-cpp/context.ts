import koffi from "koffi";
import { bridges } from "../local/bridge.ts";
import {
  type Engine,
  type EngineInfo,
  type SlotInput,
  StepInterrupted,
  type StepOutput,
} from "../local/engine.ts";
import { callAsync, StepCalls } from "../local/native-call.ts";
import { checkCopy, checkInputs, checkLength } from "../local/step-check.ts";
import { Batch } from "./batch.ts";
import type { ContextParams, NativeBatch, Pointer } from "./layout.ts";
import type { Llama, NativeCallbacks } from "./llama.ts";

/** What llama_decode returns. */
const DECODED = { ok: 0, noRoom: 1, aborted: 2 } as const;

/** One llama.cpp context over one model: the engine of this driver. It owns both. */
export class LlamaContext implements Engine {
  readonly info: EngineInfo;
  readonly #llama: Llama;
  readonly #model: Pointer;
  readonly #context: Pointer;
  readonly #memory: Pointer;
  readonly #batch: Batch;
  readonly #abort: AbortFlag;
  readonly #decode: StepCalls<[Pointer, NativeBatch], number>;
  /** Tokens that each slot holds. */
  readonly #lengths: number[];
  #logits = new Float32Array(0);
  #logitsAddress: Pointer = null;
  #closed = false;

  private constructor(
    llama: Llama,
    { model, context, abort, info }: { model: Pointer; context: Pointer; abort: AbortFlag; info: EngineInfo },
  ) {
    this.#llama = llama;
    this.#model = model;
    this.#context = context;
    this.#abort = abort;
    this.#memory = llama.llama_get_memory(context);
    this.#batch = new Batch(info.batchTokens);
    this.#decode = new StepCalls(llama.llama_decode);
    this.#lengths = Array.from({ length: info.slots }, () => 0);
    this.info = info;
  }

  /** Undefined where llama.cpp refuses; its log says why. */
  static async create(
    llama: Llama,
    model: Pointer,
    { params, info, callbacks }: { params: ContextParams; info: EngineInfo; callbacks: NativeCallbacks },
  ): Promise<LlamaContext | undefined> {
    const abort = new AbortFlag();
    const context = await callAsync(llama.llama_init_from_model, model, {
      ...params,
      abort_callback: callbacks.isFlagSet,
      abort_callback_data: abort.address,
    });
    if (context === null) {
      abort.free();
      return undefined;
    }
    return new LlamaContext(llama, { model, context, abort, info });
  }

  /** `llama_context *`, for what is set once after its creation. */
  get native(): Pointer {
    return this.#context;
  }

  async step(inputs: readonly SlotInput[]): Promise<StepOutput> {
    checkInputs(inputs, this.info, this.#lengths);
    for (const { slot, position } of inputs) this.truncate(slot, position);
    const idle = bridges(inputs, this.info, this.#lengths);
    this.#fill(inputs, idle);
    this.#abort.clear();
    const { native } = this.#batch;
    const result = await this.#decode.call(native.n_tokens, this.#context, native);
    for (const slot of idle) this.#forget(slot, this.#lengths[slot] ?? 0);
    if (result !== DECODED.ok) {
      // Parts of the batch may have been computed: back to what the slots held before.
      for (const { slot, position } of inputs) this.#forget(slot, position);
      throw stepFailure(result);
    }
    for (const { slot, position, tokens } of inputs) this.#lengths[slot] = position + tokens.length;
    return this.#output(this.#batch.rows);
  }

  #fill(inputs: readonly SlotInput[], idle: readonly number[]): void {
    const batch = this.#batch;
    batch.clear();
    let bridged = 0;
    for (const { slot, position, tokens, logits } of inputs) {
      for (; (idle[bridged] ?? slot) < slot; bridged += 1) {
        const between = idle[bridged] ?? 0;
        batch.add(0, this.#lengths[between] ?? 0, between, false);
      }
      const last = tokens.length - 1;
      for (const [index, token] of tokens.entries()) {
        batch.add(token, position + index, slot, logits === "every" || (logits === "last" && index === last));
      }
    }
  }

  #output(rows: number): StepOutput {
    const size = this.info.vocabularySize;
    if (rows > 0) {
      const address = this.#llama.llama_get_logits(this.#context);
      if (address !== this.#logitsAddress || this.#logits.length < rows * size) {
        this.#logitsAddress = address;
        this.#logits = new Float32Array(koffi.view(address, rows * size * 4));
      }
    }
    const logits = this.#logits;
    return {
      rows,
      row(index) {
        if (!(index >= 0 && index < rows)) throw new RangeError(`There is no row ${index} among ${rows}.`);
        return logits.subarray(index * size, (index + 1) * size);
      },
    };
  }

  interrupt(): void {
    this.#abort.set();
  }

  copy(from: number, to: number, length: number): void {
    checkCopy(from, to, length, this.info, this.#lengths);
    this.truncate(to, 0);
    if (length === 0) return;
    // Caches of their own can only be copied whole: a part would end the process.
    this.#llama.llama_memory_seq_cp(this.#memory, from, to, -1, -1);
    this.#forget(to, length);
  }

  truncate(slot: number, length: number): void {
    checkLength(slot, length, this.info, this.#lengths);
    if (length < (this.#lengths[slot] ?? 0)) this.#forget(slot, length);
  }

  #forget(slot: number, length: number): void {
    this.#llama.llama_memory_seq_rm(this.#memory, slot, length, -1);
    this.#lengths[slot] = length;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#logits = new Float32Array(0);
    this.#llama.llama_free(this.#context);
    this.#llama.llama_model_free(this.#model);
    this.#batch.free();
    this.#abort.free();
  }
}

function stepFailure(result: number): Error {
  if (result === DECODED.aborted) return new StepInterrupted("The step was interrupted.");
  if (result === DECODED.noRoom) return new Error("llama.cpp found no room in the KV cache for the step.");
  return new Error(`llama.cpp could not compute the step (llama_decode returned ${result}).`);
}

/** A byte in native memory that a computing thread looks at between operations. */
class AbortFlag {
  readonly address: bigint;
  readonly #memory: unknown = koffi.alloc("uint8_t", 2);
  readonly #bytes = new Uint8Array(koffi.view(this.#memory, 2));

  constructor() {
    this.address = koffi.address(this.#memory);
    this.#bytes.fill(0);
  }

  set(): void {
    this.#bytes[0] = 1;
  }

  clear(): void {
    this.#bytes[0] = 0;
  }

  free(): void {
    koffi.free(this.#memory);
  }
}

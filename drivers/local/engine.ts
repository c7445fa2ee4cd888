/** What an engine offers once a model is loaded. */
export interface EngineInfo {
  /** Rows of the output matrix; at least the tokenizer's size. */
  readonly vocabularySize: number;
  /** Most tokens that one slot holds. */
  readonly contextLength: number;
  /** Sequences that have a KV cache of their own, numbered from 0. */
  readonly slots: number;
  /** Most tokens of one step, over all slots. */
  readonly batchTokens: number;
  /** Where it computes, for people: "CPU (Zen 4)", "CUDA0: NVIDIA A10". */
  readonly device: string;
}

/** A slot's share of one step: its next tokens, at consecutive positions from `position` on. */
export interface SlotInput {
  readonly slot: number;
  /** Position of the first token = how many tokens of the slot's KV cache are kept. */
  readonly position: number;
  readonly tokens: readonly number[];
  /** Which tokens' logits are wanted: of none (a prompt chunk), of the last, or of every one (scoring). */
  readonly logits: "none" | "last" | "every";
}

/** Rows of logits that an input asks for. */
export const rowsOf = ({ logits, tokens }: SlotInput): number =>
  logits === "every" ? tokens.length : logits === "last" ? 1 : 0;

/** Rows of logits in the order of the inputs and, within an input, of its tokens. Valid until the next step. */
export interface StepOutput {
  readonly rows: number;
  /** Unnormalised, of length `vocabularySize`; a view, which is only read. */
  row(index: number): Float32Array;
}

/**
 * One loaded model that computes batches. It knows no request, no text and no sampling: everything above one step is
 * written once, in this folder. Calls never overlap: the scheduler awaits a step before anything else.
 */
export interface Engine {
  readonly info: EngineInfo;
  /**
   * Computes one batch; each slot at most once in it. The promise settles in a later turn of the event loop, so that
   * cancellations arrive while a step runs. After `interrupt` it rejects with StepInterrupted, and the slots
   * in the batch hold what they held before it, as far as `truncate` is called before their next use.
   */
  step(inputs: readonly SlotInput[]): Promise<StepOutput>;
  /** Makes a running step return early where the engine can; harmless otherwise. Callable while a step runs. */
  interrupt(): void;
  /** The first `length` positions of `from` become the whole content of `to`. */
  copy(from: number, to: number, length: number): void;
  /** Forgets a slot's positions from `length` on. */
  truncate(slot: number, length: number): void;
  close(): void;
}

export class StepInterrupted extends Error {
  override readonly name = "StepInterrupted";
}

/**
 * Default export of an engine's module, which the engine process imports by URL. `options` is what the driver put
 * into the load message, already validated there; structured-clone values only.
 */
export interface EngineModule<Options> {
  load(options: Options, onProgress: (fraction: number) => void): Promise<Engine>;
}

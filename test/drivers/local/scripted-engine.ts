import type {
  Engine,
  EngineInfo,
  EngineModule,
  SlotInput,
  StepOutput,
} from "../../../drivers/local/engine.ts";
import { StepInterrupted } from "../../../drivers/local/engine.ts";

/**
 * An engine in plain JavaScript whose next token depends on every token before it and on its place, so that a wrong
 * slot, a wrong position, a lost or doubled token or a stale cache changes what it says. It refuses what a real engine
 * could not do.
 */
export interface ScriptedOptions {
  readonly slots: number;
  readonly contextLength: number;
  readonly batchTokens: number;
  readonly vocabularySize: number;
  /** The process is killed when this token is fed, as if from outside. */
  readonly killed?: number;
  /** The process aborts when this token is fed. */
  readonly poison?: number;
  /** The step never comes to an end when this token is fed. */
  readonly hang?: number;
  /** The step fails when this token is fed. */
  readonly broken?: number;
  readonly failToLoad?: string;
}

export class ScriptedEngine implements Engine {
  readonly info: EngineInfo;
  readonly #options: ScriptedOptions;
  readonly #cache: number[][];
  #interrupted = false;
  /** Tokens computed in each step, for tests. */
  readonly steps: number[] = [];
  /** Called in the middle of each step. */
  during: () => Promise<void> | void = () => {};

  constructor(options: ScriptedOptions) {
    const { slots, contextLength, batchTokens, vocabularySize } = options;
    this.info = { slots, contextLength, batchTokens, vocabularySize, device: "script" };
    this.#options = options;
    this.#cache = Array.from({ length: slots }, () => []);
  }

  async step(inputs: readonly SlotInput[]): Promise<StepOutput> {
    this.#interrupted = false;
    const rows: Float32Array[] = [];
    const { batchTokens, contextLength, vocabularySize, poison, broken, hang, killed } = this.#options;
    const total = inputs.reduce((sum, { tokens }) => sum + tokens.length, 0);
    if (total === 0 || total > batchTokens) throw new Error(`a step of ${total} tokens`);
    if (new Set(inputs.map(({ slot }) => slot)).size < inputs.length)
      throw new Error("a slot twice in a step");
    await this.during();
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#interrupted) {
      // A real engine was in the middle of it: the caches hold some of the step until they are truncated.
      for (const { slot, tokens } of inputs) this.#cache[slot]?.push(...tokens);
      throw new StepInterrupted();
    }
    for (const { slot, position, tokens, logits } of inputs) {
      const cache = this.#cache[slot];
      if (cache === undefined) throw new Error(`no slot ${slot}`);
      if (cache.length !== position)
        throw new Error(`slot ${slot} holds ${cache.length} tokens, not ${position}`);
      if (tokens.length === 0) throw new Error("no tokens");
      for (const [at, token] of tokens.entries()) {
        if (token === killed) process.kill(process.pid, "SIGKILL");
        if (token === poison) process.abort();
        if (token === hang) await new Promise<never>(() => {});
        if (token === broken) throw new Error("scripted: the device is lost");
        if (!Number.isInteger(token) || token < 0 || token >= vocabularySize)
          throw new Error(`token ${token}`);
        cache.push(token);
        const last = at === tokens.length - 1;
        if (logits === "every" || (logits === "last" && last)) rows.push(this.#logits(cache));
      }
      if (cache.length > contextLength) throw new Error(`slot ${slot} is overfull`);
    }
    this.steps.push(total);
    return {
      rows: rows.length,
      row: (index) => {
        const row = rows[index];
        if (row === undefined) throw new Error(`no row ${index}`);
        return row;
      },
    };
  }

  interrupt(): void {
    this.#interrupted = true;
  }

  copy(from: number, to: number, length: number): void {
    const source = this.#cache[from];
    if (source === undefined || source.length < length || from === to) throw new Error("a copy of nothing");
    this.#cache[to] = source.slice(0, length);
  }

  truncate(slot: number, length: number): void {
    this.#cache[slot]?.splice(length);
  }

  close(): void {}

  #logits(context: readonly number[]): Float32Array {
    let hash = 2166136261;
    for (const token of context) hash = Math.imul(hash ^ token, 16777619);
    return Float32Array.from({ length: this.#options.vocabularySize }, (_, id) => {
      let mixed = Math.imul(hash ^ (id + 1), 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 29;
    });
  }
}

const module: EngineModule<ScriptedOptions> = {
  async load(options, onProgress) {
    onProgress(0.5);
    if (options.failToLoad !== undefined) {
      process.stderr.write("scripted: the last words\n");
      throw new Error(options.failToLoad);
    }
    return new ScriptedEngine(options);
  },
};

export default module;

import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";

/** A function of a native library, which can be called on this thread or on another one. */
export interface NativeFunction<Args extends unknown[], Result> {
  (...args: Args): Result;
  async: (...args: [...Args, (error: unknown, result: Result) => void]) => void;
}

/** Calls a native function on a thread of its own. */
export function callAsync<Args extends unknown[], Result>(
  native: Pick<NativeFunction<Args, Result>, "async">,
  ...args: Args
): Promise<Result> {
  return new Promise((resolve, reject) => {
    native.async(...args, (error, result) => {
      // koffi passes null where nothing went wrong.
      if (error === null || error === undefined) resolve(result);
      else reject(error);
    });
  });
}

/** Longest call, as far as it can be foreseen, that may keep this thread from its other events. */
const SHORT_CALL_MS = 50;

/** Steps of about as many tokens take about as long. */
const sizeClass = (tokens: number): number => Math.ceil(Math.log2(tokens));

/**
 * Calls a native function that computes a step. A short one is computed on this thread, since handing it to another one
 * and back costs up to half of the embedded model's step; a long one on another thread, so that it can be interrupted.
 * Either way other events have their turn.
 */
export class StepCalls<Args extends unknown[], Result> {
  readonly #native: NativeFunction<Args, Result>;
  readonly #anyThread: boolean;
  /** How long the last call of each size class took. */
  readonly #ms: number[] = [];

  /** `anyThread`: false for a function that belongs on this thread, which is then kept for as long as a call takes. */
  constructor(native: NativeFunction<Args, Result>, { anyThread = true }: { anyThread?: boolean } = {}) {
    this.#native = native;
    this.#anyThread = anyThread;
  }

  async call(tokens: number, ...args: Args): Promise<Result> {
    const size = sizeClass(tokens);
    const short = !this.#anyThread || (this.#ms[size] ?? Number.POSITIVE_INFINITY) < SHORT_CALL_MS;
    const started = performance.now();
    const result = short ? this.#native(...args) : await callAsync(this.#native, ...args);
    this.#ms[size] = performance.now() - started;
    if (short) await setImmediate();
    return result;
  }
}

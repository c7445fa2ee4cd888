import type { ModelStatus } from "../../src/core/driver.ts";
import type { GenerationRequest } from "../../src/core/generation.ts";
import type { Log } from "../../src/core/log.ts";
import { GatewayError } from "../../src/errors.ts";
import type { EngineInfo } from "./engine.ts";
import { EngineChild, type EngineStart } from "./engine-child.ts";
import { Quarantine } from "./quarantine.ts";
import { circuitIsOpen, type Deaths, restartDelay } from "./restart-policy.ts";

export interface SupervisorParts {
  readonly start: EngineStart;
  readonly log: Log;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** Calls back once after a time in milliseconds; returns what cancels it. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

/** Keeps one engine process: when it dies, another one is started. */
export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #quarantine: Quarantine;
  #current: { readonly child: EngineChild; readonly info: EngineInfo };
  /** While there is no engine: settles with the next one, or fails with the next start. */
  #next: PromiseWithResolvers<EngineChild> | undefined;
  #nextStartAt = 0;
  #cancelStart = () => {};
  #starting: Promise<void> = Promise.resolve();
  #deaths: Deaths = [];
  #restarts = 0;
  readonly #closing = new AbortController();

  private constructor(parts: SupervisorParts, first: { child: EngineChild; info: EngineInfo }) {
    this.#parts = parts;
    this.#quarantine = new Quarantine(parts.monotonic);
    this.#current = first;
    this.#watch(first.child);
  }

  /** Throws OperatorError with the engine's words where the first start fails. */
  static async start(parts: SupervisorParts, signal: AbortSignal): Promise<Supervisor> {
    return new Supervisor(parts, await EngineChild.start(parts.start, signal));
  }

  get info(): EngineInfo {
    return this.#current.info;
  }

  get status(): ModelStatus {
    const away = this.#circuitOpen ? "unavailable" : "restarting";
    const state = this.#current.child.ended ? away : "ready";
    return { state, restarts: this.#restarts, ...this.#current.child.load };
  }

  /**
   * The running engine, or the next one where there is none; waits for it unless engines keep dying. Throws
   * GatewayError `engine_unavailable`.
   */
  engine(): Promise<EngineChild> {
    if (this.#closing.signal.aborted) return Promise.reject(closed());
    const { child } = this.#current;
    if (!child.ended) return Promise.resolve(child);
    if (this.#circuitOpen) return Promise.reject(this.#resting());
    return this.#awaited().promise;
  }

  /** Throws GatewayError `engine_crashed` for a request that has killed engines before. */
  admit(request: GenerationRequest): void {
    if (!this.#quarantine.holds(request)) return;
    throw new GatewayError(
      "engine_crashed",
      "This request was being computed each time that the model's engine crashed, and is not tried again for ten minutes.",
    );
  }

  /** Notes that a request was answered to its end: the engine does what it should. */
  served(request: GenerationRequest): void {
    this.#deaths = [];
    this.#quarantine.clear(request);
  }

  async close(): Promise<void> {
    this.#closing.abort(closed());
    this.#cancelStart();
    this.#next?.reject(closed());
    await this.#starting;
    await this.#current.child.kill();
  }

  get #circuitOpen(): boolean {
    return circuitIsOpen(this.#deaths, this.#parts.monotonic());
  }

  #awaited(): PromiseWithResolvers<EngineChild> {
    if (this.#next === undefined) {
      this.#next = Promise.withResolvers();
      // Nobody may be waiting when it fails.
      this.#next.promise.catch(() => {});
    }
    return this.#next;
  }

  #watch(child: EngineChild): void {
    void child.exited.then(({ how, ownDoing }) => {
      if (this.#closing.signal.aborted) return;
      this.#parts.log.error({ how, stderr: child.lastWords }, "the engine ended");
      if (ownDoing) this.#quarantine.strike(child.casualties);
      this.#scheduleStart();
    });
  }

  #scheduleStart(): void {
    const { monotonic, after, log } = this.#parts;
    this.#deaths = [...this.#deaths, monotonic()].slice(-100);
    const delay = restartDelay(this.#deaths);
    this.#nextStartAt = monotonic() + delay;
    if (this.#circuitOpen) this.#settle()?.reject(this.#resting());
    log.info({ ms: delay }, "starting the engine again after a pause");
    this.#cancelStart = after(delay, () => {
      this.#starting = this.#start();
    });
  }

  async #start(): Promise<void> {
    const { start, log } = this.#parts;
    try {
      this.#current = await EngineChild.start(start, this.#closing.signal);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      log.error({ err: error }, "the engine did not start");
      const retryAfter = Math.ceil(restartDelay([...this.#deaths, 0]) / 1000);
      this.#settle()?.reject(unavailable("could not be started again", { cause: error, retryAfter }));
      this.#scheduleStart();
      return;
    }
    this.#restarts += 1;
    this.#watch(this.#current.child);
    this.#settle()?.resolve(this.#current.child);
  }

  /** Whom those that wait for an engine wait for, who wait no longer. */
  #settle(): PromiseWithResolvers<EngineChild> | undefined {
    const waiting = this.#next;
    this.#next = undefined;
    return waiting;
  }

  #resting(): GatewayError {
    const seconds = Math.ceil((this.#nextStartAt - this.#parts.monotonic()) / 1000);
    return unavailable("keeps stopping", { retryAfter: Math.min(60, Math.max(1, seconds)) });
  }
}

function unavailable(what: string, options: { cause?: unknown; retryAfter: number }): GatewayError {
  return new GatewayError("engine_unavailable", `The model's engine ${what}. Try again later.`, options);
}

function closed(): GatewayError {
  return new GatewayError("engine_unavailable", "The model is being unloaded. Try again.", { retryAfter: 1 });
}

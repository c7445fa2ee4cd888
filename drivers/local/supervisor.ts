import type { ModelStatus } from "../../src/core/driver.ts";
import type { Log } from "../../src/core/log.ts";
import { GatewayError } from "../../src/errors.ts";
import type { EngineInfo } from "./engine.ts";
import { EngineChild, type EngineStart } from "./engine-child.ts";

/** An engine is started again this often within the window; if it still ends, the window has to pass first. */
const MOST_RESTARTS = 3;
const WINDOW_MS = 60_000;

export interface SupervisorParts {
  readonly start: EngineStart;
  readonly log: Log;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** Keeps one engine process: the same one as long as it lives, a new one for the first request after its death. */
export class Supervisor {
  readonly #parts: SupervisorParts;
  #current: { readonly child: EngineChild; readonly info: EngineInfo };
  #starting: Promise<EngineChild> | undefined;
  /** When engines ended, on the monotonic clock. */
  #deaths: number[] = [];
  #restarts = 0;
  readonly #closing = new AbortController();

  private constructor(parts: SupervisorParts, first: { child: EngineChild; info: EngineInfo }) {
    this.#parts = parts;
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
    const { child } = this.#current;
    return { state: child.ended ? "restarting" : "ready", restarts: this.#restarts, ...child.load };
  }

  /** The running engine; starts one where there is none. Throws GatewayError `engine_unavailable`. */
  engine(): Promise<EngineChild> {
    if (this.#closing.signal.aborted) return Promise.reject(closed());
    if (!this.#current.child.ended) return Promise.resolve(this.#current.child);
    this.#starting ??= this.#restart().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async close(): Promise<void> {
    this.#closing.abort(closed());
    await Promise.all([this.#current.child.kill(), this.#starting?.catch(() => {})]);
    await this.#current.child.kill();
  }

  async #restart(): Promise<EngineChild> {
    const { start, log, monotonic } = this.#parts;
    const now = monotonic();
    this.#deaths = this.#deaths.filter((at) => now - at < WINDOW_MS);
    const [oldest] = this.#deaths;
    if (oldest !== undefined && this.#deaths.length > MOST_RESTARTS) {
      throw new GatewayError("engine_unavailable", "The model's engine keeps stopping. Try again later.", {
        retryAfter: Math.max(1, Math.ceil((oldest + WINDOW_MS - now) / 1000)),
      });
    }
    log.info({}, "starting the engine again");
    try {
      this.#current = await EngineChild.start(start, this.#closing.signal);
    } catch (error) {
      if (this.#closing.signal.aborted) throw closed();
      this.#deaths.push(monotonic());
      log.error({ err: error }, "the engine did not start");
      throw new GatewayError("engine_unavailable", "The model's engine could not be started again.", {
        cause: error,
        retryAfter: 1,
      });
    }
    this.#restarts += 1;
    this.#watch(this.#current.child);
    return this.#current.child;
  }

  #watch(child: EngineChild): void {
    void child.exited.then((how) => {
      if (this.#closing.signal.aborted) return;
      this.#deaths.push(this.#parts.monotonic());
      this.#parts.log.error({ how, stderr: child.lastWords }, "the engine ended");
    });
  }
}

function closed(): GatewayError {
  return new GatewayError("engine_unavailable", "The model is being unloaded. Try again.", { retryAfter: 1 });
}

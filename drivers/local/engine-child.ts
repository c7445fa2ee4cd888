import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { ModelStatus } from "../../src/core/driver.ts";
import type { GenerationRequest } from "../../src/core/generation.ts";
import { unlessAborted } from "../../src/core/unless-aborted.ts";
import { GatewayError, OperatorError } from "../../src/errors.ts";
import type { EngineInfo } from "./engine.ts";
import { EventQueue } from "./event-queue.ts";
import {
  type FromEngine,
  type LoadMessage,
  PROTOCOL_VERSION,
  type ToEngine,
  type WireEvent,
} from "./protocol.ts";
import { Watchdog } from "./watchdog.ts";

/** Runs from sources and from a build alike: the process's file has this file's extension. */
const processFile = fileURLToPath(new URL(`engine-process${extname(import.meta.url)}`, import.meta.url));

/** Lines of the engine's stderr that are kept, to explain a failure. */
const KEPT_LINES = 40;

export interface EngineStart {
  readonly load: Omit<LoadMessage, "type" | "version">;
  readonly loadTimeoutMs: number;
  /** The process is ended when it has work and says nothing for so long. */
  readonly stallTimeoutMs: number;
  readonly onProgress: (fraction: number) => void;
}

/** What an engine last said of itself. */
export type EngineLoad = Pick<ModelStatus, "busySlots" | "waiting" | "memoryBytes" | "kvUsage">;

const IDLE: EngineLoad = { busySlots: 0, waiting: 0, memoryBytes: null, kvUsage: 0 };

/** How a process ended. */
export interface Exit {
  /** Such as "exit status 1" or "signal SIGKILL". */
  readonly how: string;
  /** Whether it fell over what it was doing, rather than being ended from outside. */
  readonly ownDoing: boolean;
}

/** Signals that a process brings upon itself. */
const FAULTS: readonly NodeJS.Signals[] = ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP"];

/** One request that the process has not finished. */
interface Stream {
  readonly request: GenerationRequest;
  readonly events: EventQueue<WireEvent>;
  /** Whether it has a slot. */
  running: boolean;
  /** Whether the client has been told anything. */
  told: boolean;
  /** Choices that are not finished. */
  left: number;
}

/** One engine process from its start to its end, seen from the gateway. */
export class EngineChild {
  readonly #child: ChildProcess;
  readonly #streams = new Map<number, Stream>();
  readonly #watchdog: Watchdog;
  /** A sign of life that the engine owes. */
  #pong: PromiseWithResolvers<void> | undefined;
  readonly #stderr: string[] = [];
  #nextId = 1;
  #ended = false;
  /** What the process gave as the reason for its end. */
  #failure: string | undefined;
  #load: EngineLoad = IDLE;
  /** What it was computing when it ended. */
  casualties: readonly GenerationRequest[] = [];
  readonly exited: Promise<Exit>;

  private constructor(stallTimeoutMs: number) {
    this.#watchdog = new Watchdog(stallTimeoutMs, () => this.#child.kill("SIGKILL"));
    this.#child = fork(processFile, [], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#keep(text));
    this.exited = new Promise((resolve) => {
      // Not "exit": what it wrote last is still on its way then.
      this.#child.once("close", (status, signal) => {
        this.#end();
        resolve(this.#exit(status, signal));
      });
      this.#child.once("error", (error) => {
        this.#end();
        resolve({ how: error.message, ownDoing: false });
      });
    });
  }

  /** Starts a process and loads the engine in it. Throws OperatorError with what the engine said, or `signal.reason`. */
  static async start(
    start: EngineStart,
    signal: AbortSignal,
  ): Promise<{ child: EngineChild; info: EngineInfo }> {
    signal.throwIfAborted();
    const child = new EngineChild(start.stallTimeoutMs);
    try {
      return { child, info: await child.#start(start, signal) };
    } catch (error) {
      await child.kill();
      throw error;
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  get load(): EngineLoad {
    return this.#load;
  }

  /** The last lines that the engine wrote to stderr. */
  get lastWords(): string {
    return [...this.#stderr, ...(this.#failure === undefined ? [] : [this.#failure])].join("\n");
  }

  /** Starts one request; its events arrive in the queue, which fails when the process ends. */
  generate(request: GenerationRequest): { id: number; events: EventQueue<WireEvent> } {
    const id = this.#nextId++;
    const events = new EventQueue<WireEvent>();
    if (this.#ended) {
      events.fail(lost());
    } else {
      this.#streams.set(id, { request, events, running: false, told: false, left: request.choices });
      this.#watchdog.busy();
      this.#send({ type: "generate", id, request });
    }
    return { id, events };
  }

  /** Ends a request; harmless for one that has ended. */
  release(id: number, finished: boolean): void {
    this.#streams.delete(id);
    if (!finished && !this.#ended) {
      this.#send({ type: "cancel", id });
      // Clients that lose patience with an engine that hangs must not keep it from being noticed.
      void this.#signOfLife();
    }
    this.#idleIfDone();
  }

  /** Resolves once the engine has come to the end of a step, or has nothing to do. */
  async ping(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#ended) throw lost();
    await unlessAborted(this.#signOfLife(), signal);
  }

  /** Ends the process and waits for its end. It holds nothing that would want an orderly goodbye. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  async #start({ load, loadTimeoutMs, onProgress }: EngineStart, signal: AbortSignal): Promise<EngineInfo> {
    const settled = new AbortController();
    const loaded = new Promise<EngineInfo>((resolve, reject) => {
      const late = `the model was not loaded within ${loadTimeoutMs / 1000} s (load_timeout)`;
      const timeout = setTimeout(() => reject(new OperatorError(late)), loadTimeoutMs);
      settled.signal.addEventListener("abort", () => clearTimeout(timeout));
      signal.addEventListener("abort", () => reject(signal.reason), { signal: settled.signal });
      void this.exited.then(({ how }) => reject(this.#loadError(`the engine process ended: ${how}`)));
      this.#child.on("message", (message: FromEngine) => {
        if (message.type === "progress") onProgress(message.fraction);
        else if (message.type === "ready") resolve(message.info);
        else if (message.type === "failed") this.#failure = message.message;
        else this.#receive(message);
      });
      this.#send({ type: "load", version: PROTOCOL_VERSION, ...load });
    });
    try {
      return await loaded;
    } finally {
      settled.abort();
    }
  }

  #loadError(message: string): OperatorError {
    return new OperatorError([this.#failure ?? message, ...this.#stderr].join("\n"));
  }

  #receive(message: Extract<FromEngine, { type: "events" | "pong" }>): void {
    this.#watchdog.progress();
    if (message.type === "pong") {
      this.#pong?.resolve();
      this.#pong = undefined;
      this.#idleIfDone();
      return;
    }
    const { busy, waiting, memoryBytes, kvUsage } = message;
    this.#load = { busySlots: busy, waiting, memoryBytes, kvUsage };
    for (const [id, event] of message.events) {
      const stream = this.#streams.get(id);
      if (stream === undefined) continue;
      stream.running = event.type !== "error";
      stream.told ||= event.type !== "running";
      stream.events.push(event);
      if (event.type === "finish") stream.left -= 1;
      // Its reader may take its time: that is no work for the engine any more.
      if (event.type === "error" || stream.left === 0) this.#streams.delete(id);
    }
    this.#idleIfDone();
  }

  /** Asks for a sign of life, unless one is due already. */
  #signOfLife(): Promise<void> {
    if (this.#pong === undefined) {
      this.#pong = Promise.withResolvers();
      // Nobody may be waiting for it.
      this.#pong.promise.catch(() => {});
      this.#watchdog.busy();
      this.#send({ type: "ping", id: this.#nextId++ });
    }
    return this.#pong.promise;
  }

  #idleIfDone(): void {
    if (this.#streams.size === 0 && this.#pong === undefined) this.#watchdog.idle();
  }

  /** A send that fails means that the process is ending, which `exited` tells. */
  #send(message: ToEngine): void {
    this.#child.send(message, () => {});
  }

  #keep(text: string): void {
    this.#stderr.push(...text.split("\n").filter((line) => line !== ""));
    this.#stderr.splice(0, this.#stderr.length - KEPT_LINES);
  }

  #exit(status: number | null, signal: NodeJS.Signals | null): Exit {
    const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
    if (this.#watchdog.barked) {
      // Where several were being computed, none of them need be the one that it hung on.
      return { how: `no progress, ended by ${how}`, ownDoing: this.casualties.length === 1 };
    }
    return { how, ownDoing: signal === null ? status !== 0 : FAULTS.includes(signal) };
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watchdog.idle();
    this.#load = IDLE;
    const streams = [...this.#streams.values()];
    this.casualties = streams.filter(({ running }) => running).map(({ request }) => request);
    for (const { events, told } of streams) events.fail(told ? crashed() : lost());
    this.#streams.clear();
    this.#pong?.reject(lost());
  }
}

/** For an answer that had begun. */
function crashed(): GatewayError {
  return new GatewayError("engine_crashed", "The model's engine stopped in the middle of the answer.");
}

/** For a request that had not been told anything. */
function lost(): GatewayError {
  return new GatewayError("engine_unavailable", "The model's engine stopped. Try again.", { retryAfter: 1 });
}

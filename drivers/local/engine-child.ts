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

/** Runs from sources and from a build alike: the process's file has this file's extension. */
const processFile = fileURLToPath(new URL(`engine-process${extname(import.meta.url)}`, import.meta.url));

/** Lines of the engine's stderr that are kept, to explain a failure. */
const KEPT_LINES = 40;

export interface EngineStart {
  readonly load: Omit<LoadMessage, "type" | "version">;
  readonly loadTimeoutMs: number;
  readonly onProgress: (fraction: number) => void;
}

/** What an engine last said of itself. */
export type EngineLoad = Pick<ModelStatus, "busySlots" | "waiting" | "memoryBytes">;

/** One engine process from its start to its end, seen from the gateway. */
export class EngineChild {
  readonly #child: ChildProcess;
  readonly #streams = new Map<number, EventQueue<WireEvent>>();
  readonly #pings = new Map<number, PromiseWithResolvers<void>>();
  readonly #stderr: string[] = [];
  #nextId = 1;
  #ended = false;
  /** What the process gave as the reason for its end. */
  #failure: string | undefined;
  #load: EngineLoad = { busySlots: 0, waiting: 0, memoryBytes: null };
  /** Resolves with how it ended: "exit status 1", "signal SIGKILL". */
  readonly exited: Promise<string>;

  private constructor() {
    this.#child = fork(processFile, [], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#keep(text));
    this.exited = new Promise((resolve) => {
      // Not "exit": what it wrote last is still on its way then.
      this.#child.once("close", (status, signal) =>
        resolve(signal === null ? `exit status ${status}` : `signal ${signal}`),
      );
      this.#child.once("error", (error) => resolve(error.message));
    });
    void this.exited.then(() => this.#end());
  }

  /** Starts a process and loads the engine in it. Throws OperatorError with what the engine said, or `signal.reason`. */
  static async start(
    start: EngineStart,
    signal: AbortSignal,
  ): Promise<{ child: EngineChild; info: EngineInfo }> {
    signal.throwIfAborted();
    const child = new EngineChild();
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
    this.#streams.set(id, events);
    if (this.#ended) this.#end();
    else this.#send({ type: "generate", id, request });
    return { id, events };
  }

  /** Ends a request; harmless for one that has ended. */
  release(id: number, finished: boolean): void {
    this.#streams.delete(id);
    if (!finished && !this.#ended) this.#send({ type: "cancel", id });
  }

  /** Resolves once the engine has come to the end of a step, or has nothing to do. */
  async ping(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#ended) throw engineCrashed();
    const id = this.#nextId++;
    const answer = Promise.withResolvers<void>();
    this.#pings.set(id, answer);
    this.#send({ type: "ping", id });
    try {
      await unlessAborted(answer.promise, signal);
    } finally {
      this.#pings.delete(id);
    }
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
      void this.exited.then((how) => reject(this.#loadError(`the engine process ended: ${how}`)));
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
    if (message.type === "pong") {
      this.#pings.get(message.id)?.resolve();
      return;
    }
    const { busy, waiting, memoryBytes } = message;
    this.#load = { busySlots: busy, waiting, memoryBytes };
    for (const [id, event] of message.events) this.#streams.get(id)?.push(event);
  }

  /** A send that fails means that the process is ending, which `exited` tells. */
  #send(message: ToEngine): void {
    this.#child.send(message, () => {});
  }

  #keep(text: string): void {
    this.#stderr.push(...text.split("\n").filter((line) => line !== ""));
    this.#stderr.splice(0, this.#stderr.length - KEPT_LINES);
  }

  #end(): void {
    this.#ended = true;
    this.#load = { busySlots: 0, waiting: 0, memoryBytes: null };
    for (const events of this.#streams.values()) events.fail(engineCrashed());
    this.#streams.clear();
    for (const answer of this.#pings.values()) answer.reject(engineCrashed());
  }
}

export function engineCrashed(): GatewayError {
  return new GatewayError("engine_crashed", "The model's engine stopped unexpectedly. Try again.");
}

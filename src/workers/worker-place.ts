import type { Worker } from "node:cluster";
import type { Log } from "../core/log.ts";
import { GatewayError } from "../errors.ts";
import { clusterPort } from "./cluster-port.ts";
import { Line } from "./line.ts";
import { RestartDelay } from "./restart-delay.ts";

export interface PlaceParts {
  readonly log: Log;
  fork(): Worker;
  monotonic(): number;
  /** A process has been started: its questions are to be answered. */
  started(place: WorkerPlace, line: Line): void;
  /** It has ended. `status`: as people read it; says whether it is to be started again. */
  ended(place: WorkerPlace, line: Line, status: string): boolean;
}

/** One of the places for a process that serves: the process in it now, and the one that follows when it dies. */
export class WorkerPlace {
  /** From 1 on. */
  readonly number: number;
  readonly #parts: PlaceParts;
  readonly #delay = new RestartDelay();
  #worker: Worker | undefined;
  #line: Line | undefined;
  #timer: NodeJS.Timeout | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(number: number, parts: PlaceParts) {
    this.number = number;
    this.#parts = parts;
  }

  /** To the process that is there now; undefined between two. */
  get line(): Line | undefined {
    return this.#line;
  }

  start(): void {
    const { log, fork, monotonic, started, ended } = this.#parts;
    const since = monotonic();
    const worker = fork();
    const line = new Line(clusterPort(worker));
    this.#worker = worker;
    this.#line = line;
    const exited = Promise.withResolvers<void>();
    this.#exited = exited.promise;
    worker.once("exit", (status, signal) => {
      this.#worker = undefined;
      this.#line = undefined;
      line.close(new GatewayError("engine_unavailable", "A worker process ended.", { retryAfter: 1 }));
      exited.resolve();
      const told = signal ?? `status ${status}`;
      if (!ended(this, line, told)) return;
      const restartMs = this.#delay.next(monotonic() - since);
      log.error(
        { worker: this.number, pid: worker.process.pid, ended: told, restart_ms: restartMs },
        "a worker ended; it is started again",
      );
      // It keeps the primary alive: there may be no other worker that does.
      this.#timer = setTimeout(() => this.start(), restartMs);
    });
    started(this, line);
  }

  /** No process is started here any more. */
  retire(): void {
    clearTimeout(this.#timer);
  }

  kill(): void {
    this.#worker?.process.kill("SIGKILL");
  }

  /** Resolves when there is no process here. */
  gone(): Promise<void> {
    return this.#exited;
  }
}

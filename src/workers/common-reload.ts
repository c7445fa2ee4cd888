import type { input, output } from "zod";
import { GatewayError } from "../errors.ts";
import type { Changes, Trigger } from "../reload/configuration.ts";
import type { Line } from "./line.ts";
import { asksWorker, type progress, type readFile } from "./procedures.ts";

export interface CommonReloadParts {
  /** The config file as it was read at the start. */
  readonly started: Uint8Array;
  /** The config file as it is now. Throws OperatorError. */
  read(): Uint8Array;
}

export interface InForce {
  readonly started: Uint8Array;
  readonly current: Uint8Array;
  readonly progress: output<typeof progress> | null;
}

/** Reloads that every worker applies or none: the file is read once, prepared in all, and served when all are ready to. */
export class CommonReload {
  readonly #parts: CommonReloadParts;
  /** To workers that know a configuration. */
  readonly #lines = new Set<Line>();
  #current: Uint8Array;
  #progress: output<typeof progress> | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: CommonReloadParts) {
    this.#parts = parts;
    this.#current = parts.started;
  }

  /** What a new worker begins with, once no reload is under way; in those that follow it has a voice. */
  join(line: Line): Promise<InForce> {
    return this.#inTurn(async () => {
      this.#lines.add(line);
      return { started: this.#parts.started, current: this.#current, progress: this.#progress };
    });
  }

  leave(line: Line): void {
    this.#lines.delete(line);
  }

  /** Throws GatewayError `invalid_config`, and nothing has changed then. A worker that dies meanwhile has no voice. */
  reload(trigger: Trigger): Promise<Changes> {
    return this.#inTurn(() => this.#reload(trigger));
  }

  async #reload(trigger: Trigger): Promise<Changes> {
    const file = this.#read();
    const voters = await Promise.all(
      [...this.#lines].map(async (line) => {
        const vote = await line.ask(asksWorker.prepare, { file, trigger }).catch(() => undefined);
        return vote === undefined ? [] : [{ line, ...vote }];
      }),
    );
    const present = voters.flat();
    const refusal = present.find((voter) => voter.refusal !== null)?.refusal ?? null;
    if (refusal === null && "bytes" in file) this.#current = file.bytes;
    const results = await Promise.all(
      present.map(({ line }) => line.ask(asksWorker.decide, { refusal }).catch(() => undefined)),
    );
    const told = results.find((result) => result !== undefined);
    this.#progress = told?.progress ?? this.#progress;
    if (refusal !== null) throw new GatewayError("invalid_config", refusal);
    if (told?.changes) return told.changes;
    throw new GatewayError("shutting_down", "No worker process was there to apply the configuration.");
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #read(): input<typeof readFile> {
    try {
      return { bytes: this.#parts.read() };
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }
}

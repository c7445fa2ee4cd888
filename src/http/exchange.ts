import type { IncomingMessage, ServerResponse } from "node:http";
import type { Log } from "../core/log.ts";
import type { RequestObserver } from "../core/observer.ts";
import { traceId } from "../core/trace-context.ts";
import { GatewayError } from "../errors.ts";
import type { Abortable } from "./running-requests.ts";

/** Longest path that is written to the log. */
const LOGGED_PATH = 256;

export interface ExchangeParts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly id: string;
  readonly log: Log;
  readonly observer: RequestObserver;
  /** Milliseconds for which a refused body is read on and dropped. */
  readonly lingerMs: number;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
}

/** One request and its answer: its id, what ends it early, and its one line in the log. */
export class Exchange implements Abortable {
  readonly id: string;
  readonly log: Log;
  readonly observer: RequestObserver;
  /** Path of the endpoint that answers. */
  route: string | undefined;
  readonly #controller = new AbortController();
  readonly #fields: Record<string, unknown> = {};
  readonly #parts: ExchangeParts;
  readonly #startedAt: number;
  #work: Promise<void> = Promise.resolve();

  /** `onEnd` is called once, when the answer has left or the client has, and the work for it has ended. */
  constructor(parts: ExchangeParts, onEnd: () => void) {
    const { response, id, log, observer } = parts;
    this.#parts = parts;
    this.#startedAt = parts.monotonic();
    this.id = id;
    this.observer = observer;
    const { trace } = observer;
    this.log = log.child(
      trace === undefined ? { request_id: id } : { request_id: id, trace_id: traceId(trace) },
    );
    response.once("close", () => {
      if (!response.writableFinished) {
        this.abort(new GatewayError("client_closed_request", "The client went away."));
      }
      void this.#work.finally(() => {
        onEnd();
        this.#writeLine();
      });
    });
  }

  /** Aborted when the client goes away, stops reading, or the server stops. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get lingerMs(): number {
    return this.#parts.lingerMs;
  }

  get elapsedMs(): number {
    return Math.round(this.#parts.monotonic() - this.#startedAt);
  }

  abort(reason: GatewayError): void {
    this.#controller.abort(reason);
  }

  /** Fields for the log line. */
  record(fields: Readonly<Record<string, unknown>>): void {
    Object.assign(this.#fields, fields);
  }

  /** The work that the answer needs, which must not reject; the log line waits for its end. */
  follow(work: Promise<void>): void {
    this.#work = work;
  }

  #writeLine(): void {
    const { request, response } = this.#parts;
    const path = (request.url ?? "").split("?", 1)[0]?.slice(0, LOGGED_PATH);
    const status = response.writableFinished ? response.statusCode : 499;
    const { route, elapsedMs } = this;
    const line = { method: request.method, path, status, duration_ms: elapsedMs };
    this.log.info({ ...line, ...this.#fields }, "request");
    const { error = status === 499 ? "client_closed_request" : undefined } = this.#fields;
    const durationMs = this.#parts.monotonic() - this.#startedAt;
    const told = typeof error === "string" ? error : undefined;
    this.observer.end({ method: request.method ?? "", route, status, error: told, durationMs });
  }
}

import type { GatewayError } from "../errors.ts";

/** A request that can be ended from outside. */
export interface Abortable {
  abort(reason: GatewayError): void;
}

/** The requests that are being answered, so that a stopping server can wait for them and end them. */
export class RunningRequests {
  readonly #requests = new Set<Abortable>();
  readonly #waiting = new Set<() => void>();

  add(request: Abortable): void {
    this.#requests.add(request);
  }

  delete(request: Abortable): void {
    this.#requests.delete(request);
    if (this.#requests.size === 0) for (const wake of this.#waiting) wake();
  }

  abort(reason: GatewayError): void {
    for (const request of this.#requests) request.abort(reason);
  }

  /** Resolves when none is left, or after that many milliseconds. */
  async idle(ms: number): Promise<void> {
    if (this.#requests.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
    clearTimeout(timer);
  }
}

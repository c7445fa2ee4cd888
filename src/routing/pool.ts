import type { LoadContext, Model, Progress } from "../core/driver.ts";
import type { Log } from "../core/log.ts";
import { unlessAborted } from "../core/unless-aborted.ts";
import { GatewayError } from "../errors.ts";
import { checkTemplate } from "./check-template.ts";
import type { Placement, Route } from "./route.ts";

/** A loaded model in use; it stays loaded until the lease is released. */
export interface Lease {
  readonly model: Model;
  /** A second call is harmless. */
  release(): void;
}

export interface LoadDisplay {
  update(progress: Progress): void;
  /** The load has ended, well or not. */
  end(): void;
}

export interface PoolParts {
  readonly log: Log;
  /** What drivers are told when they load a route's model. */
  context(route: Route, onProgress: (progress: Progress) => void): LoadContext;
  /** Tells people how far a load has come. */
  showLoad(route: Route): LoadDisplay;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
  /** Calls back once after a time in milliseconds; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
  /** Milliseconds that running answers have when their model is unloaded. */
  readonly graceMs: number;
}

/** Where a placement's model stands. */
export type PlacementState =
  | { readonly state: "unloaded" | "unloading" }
  | { readonly state: "loading"; readonly progress: number }
  | { readonly state: "failed"; readonly failedAt: number }
  | { readonly state: "loaded"; readonly model: Model };

/** A placement's model from its first use until it is unloaded. */
interface Entry {
  readonly model: Promise<Model>;
  /** Set once `model` has resolved. */
  loaded: Model | undefined;
  leases: number;
  cancelUnload: (() => void) | undefined;
  readonly cancelLoad: AbortController;
  /** 0 to 1, as far as the driver tells. */
  progress: number;
  /** Called when the last lease is released, once the model is being unloaded. */
  whenIdle: (() => void) | undefined;
}

interface Failure {
  readonly at: number;
  readonly error: unknown;
}

/**
 * Owns every loaded model: loads each placement once however many ask, keeps it while it is leased, and unloads it
 * after the route's `ttl`.
 */
export class Pool {
  readonly #parts: PoolParts;
  readonly #entries = new Map<string, Entry>();
  readonly #failures = new Map<string, Failure>();
  /** Models that are being unloaded: their memory is waited for before the placement is loaded again. */
  readonly #unloading = new Map<string, Promise<void>>();
  /** Ids of placements that the configuration has no more; a late request may still load one. */
  readonly #retired = new Set<string>();
  readonly #closing = new AbortController();

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  /**
   * Loads the placement's model unless it is loaded. Throws what the driver throws, `signal.reason` when the caller
   * leaves (a load goes on for others), and `shutting_down` after `close`.
   */
  async acquire(route: Route, placement: Placement, signal: AbortSignal): Promise<Lease> {
    signal.throwIfAborted();
    if (this.#closing.signal.aborted) throw new GatewayError("shutting_down", "The server is shutting down.");
    const entry = this.#entries.get(placement.id) ?? this.#startLoading(route, placement);
    entry.cancelUnload?.();
    entry.cancelUnload = undefined;
    entry.leases += 1;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      entry.leases -= 1;
      if (entry.leases === 0) entry.whenIdle?.();
      this.#unloadWhenIdle(route, placement, entry);
    };
    try {
      return { model: await unlessAborted(entry.model, signal), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The placement's model where it is loaded now. */
  loaded(placement: Placement): Model | undefined {
    return this.#entries.get(placement.id)?.loaded;
  }

  /** What the placement's engine says of requests that wait in it, and of its KV cache; null where it says nothing. */
  engineLoad(placement: Placement): { readonly waiting: number | null; readonly kvUsage: number | null } {
    const status = this.loaded(placement)?.status();
    return { waiting: status?.engineWaiting ?? null, kvUsage: status?.kvUsage ?? null };
  }

  loading(placement: Placement): boolean {
    const entry = this.#entries.get(placement.id);
    return entry !== undefined && entry.loaded === undefined;
  }

  /** The last load's failure, until a load succeeds. */
  failure(placement: Placement): Failure | undefined {
    return this.#failures.get(placement.id);
  }

  state(placement: Placement): PlacementState {
    const entry = this.#entries.get(placement.id);
    if (entry?.loaded !== undefined) return { state: "loaded", model: entry.loaded };
    if (this.#unloading.has(placement.id)) return { state: "unloading" };
    if (entry !== undefined) return { state: "loading", progress: entry.progress };
    const failure = this.#failures.get(placement.id);
    return failure === undefined ? { state: "unloaded" } : { state: "failed", failedAt: failure.at };
  }

  /**
   * Unloads the placement's model: nobody new gets it, running answers have the grace period to finish, a load that is
   * under way is given up. Resolves once its memory is free. A request that comes meanwhile waits and loads it again.
   */
  async unload(route: Route, placement: Placement): Promise<void> {
    const entry = this.#entries.get(placement.id);
    if (entry !== undefined) this.#unload(route, placement, entry, "asked for");
    this.#failures.delete(placement.id);
    await this.#unloading.get(placement.id);
  }

  /**
   * The configuration has no such placement any more: its model is unloaded as soon as nobody uses it, however long the
   * last answer takes; a load that nobody waits for is given up.
   */
  retire(route: Route, placement: Placement): void {
    this.#retired.add(placement.id);
    this.#failures.delete(placement.id);
    const entry = this.#entries.get(placement.id);
    if (entry === undefined) return;
    if (entry.loaded === undefined && entry.leases === 0) this.#unload(route, placement, entry, "removed");
    else this.#unloadWhenIdle(route, placement, entry);
  }

  /** Ends loads and running requests and frees every model; a second call is harmless. */
  async close(): Promise<void> {
    this.#closing.abort(new GatewayError("shutting_down", "The server is shutting down."));
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of entries) entry.cancelUnload?.();
    const loads = await Promise.allSettled(entries.map(({ model }) => model));
    const closed = loads.map((load) => (load.status === "fulfilled" ? load.value.close() : undefined));
    await Promise.all([...closed, ...this.#unloading.values()]);
  }

  #startLoading(route: Route, placement: Placement): Entry {
    const cancelLoad = new AbortController();
    const signal = AbortSignal.any([this.#closing.signal, cancelLoad.signal]);
    const entry: Entry = {
      model: this.#load(route, placement, signal, (fraction) => {
        entry.progress = fraction;
      }),
      loaded: undefined,
      leases: 0,
      cancelUnload: undefined,
      cancelLoad,
      progress: 0,
      whenIdle: undefined,
    };
    this.#entries.set(placement.id, entry);
    entry.model.then(
      (model) => {
        if (this.#entries.get(placement.id) !== entry) return;
        entry.loaded = model;
        this.#failures.delete(placement.id);
        this.#unloadWhenIdle(route, placement, entry);
      },
      (error: unknown) => {
        if (this.#entries.get(placement.id) !== entry) return;
        this.#entries.delete(placement.id);
        if (!this.#closing.signal.aborted) {
          this.#failures.set(placement.id, { at: this.#parts.monotonic(), error });
        }
      },
    );
    return entry;
  }

  async #load(
    route: Route,
    placement: Placement,
    signal: AbortSignal,
    onFraction: (fraction: number) => void,
  ): Promise<Model> {
    const { log, monotonic } = this.#parts;
    // Its memory has to be free first.
    await this.#unloading.get(placement.id);
    signal.throwIfAborted();
    const started = monotonic();
    const display = this.#parts.showLoad(route);
    try {
      const context = this.#parts.context(route, (progress) => {
        onFraction(progress.fraction);
        display.update(progress);
      });
      const fields = { model: route.name, placement: placement.id, driver: placement.driver.driver };
      log.info(fields, "loading");
      await placement.driver.fetch?.(context, signal);
      checkTemplate(route, await placement.driver.inspect(context));
      signal.throwIfAborted();
      const model = await placement.driver.load(context, signal);
      log.info({ ...fields, precision: model.precision, ms: Math.round(monotonic() - started) }, "loaded");
      return model;
    } finally {
      display.end();
    }
  }

  #unloadWhenIdle(route: Route, placement: Placement, entry: Entry): void {
    const { loaded } = entry;
    if (loaded === undefined || entry.leases > 0 || this.#closing.signal.aborted) return;
    if (this.#entries.get(placement.id) !== entry) return;
    if (this.#retired.has(placement.id)) {
      this.#unload(route, placement, entry, "removed");
      return;
    }
    if (route.ttl === 0) return;
    entry.cancelUnload?.();
    entry.cancelUnload = this.#parts.after(route.ttl * 1000, () => {
      this.#unload(route, placement, entry, "idle");
    });
  }

  #unload(route: Route, { id }: Placement, entry: Entry, reason: string): void {
    const { log } = this.#parts;
    const fields = { model: route.name, placement: id };
    this.#entries.delete(id);
    entry.cancelUnload?.();
    log.info({ ...fields, reason }, "unloading");
    entry.cancelLoad.abort(
      new GatewayError("engine_unavailable", "The model is being unloaded. Try again.", { retryAfter: 1 }),
    );
    const before = this.#unloading.get(id);
    const unloaded: Promise<void> = this.#free(entry)
      .catch((error: unknown) => log.error({ ...fields, err: error }, "unloading failed"))
      .then(() => before)
      .finally(() => {
        if (this.#unloading.get(id) === unloaded) this.#unloading.delete(id);
      });
    this.#unloading.set(id, unloaded);
  }

  async #free(entry: Entry): Promise<void> {
    const model = entry.loaded ?? (await entry.model.catch(() => undefined));
    if (model === undefined) return;
    if (entry.leases > 0) await this.#idle(entry);
    await model.close();
  }

  /** Resolves once nobody uses the model, or the grace period is over, or the pool is closed. */
  async #idle(entry: Entry): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const closing = () => resolve();
    signal.addEventListener("abort", closing);
    const cancel = this.#parts.after(this.#parts.graceMs, resolve);
    entry.whenIdle = resolve;
    await promise;
    signal.removeEventListener("abort", closing);
    cancel();
  }
}

/** Seconds until a placement that failed is tried again, as `Retry-After` wants them. */
export function retryAfter(failure: Failure, now: number, cooldownMs: number): number {
  return Math.min(60, Math.max(1, Math.ceil((failure.at + cooldownMs - now) / 1000)));
}

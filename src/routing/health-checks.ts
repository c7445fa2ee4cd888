import type { Model } from "../core/driver.ts";
import type { Log } from "../core/log.ts";
import { GatewayError } from "../errors.ts";
import type { PlacementStates } from "./placement-state.ts";
import type { Pool } from "./pool.ts";
import type { Placement, Route } from "./route.ts";

/** Milliseconds between two looks at who is due. */
const LOOK_MS = 1000;

export interface HealthCheckParts {
  /** The routes of the configuration in force. */
  routes(): readonly Route[];
  readonly pool: Pool;
  readonly states: PlacementStates;
  readonly log: Log;
  monotonic(): number;
  wallClock(): number;
  after(ms: number, callback: () => void): () => void;
}

/**
 * Finds out, before a request does, whether the placements of models that have several are well: has those draw a token
 * that nothing was heard of for a while, or whose rest is over, and loads those again that could not be loaded.
 */
export class HealthChecks {
  readonly #parts: HealthCheckParts;
  readonly #running = new Set<string>();
  readonly #checkedAt = new Map<string, number>();
  readonly #stopped = new AbortController();
  #cancel: () => void;

  constructor(parts: HealthCheckParts) {
    this.#parts = parts;
    this.#cancel = parts.after(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#cancel();
    this.#stopped.abort(new GatewayError("shutting_down", "The server is shutting down."));
  }

  #look(): void {
    this.#cancel = this.#parts.after(LOOK_MS, () => this.#look());
    for (const route of this.#parts.routes()) {
      if (route.placements.length < 2 || route.routing.healthCheckMs === 0) continue;
      for (const placement of route.placements) {
        if (this.#running.has(placement.id) || !this.#isDue(route, placement)) continue;
        this.#running.add(placement.id);
        this.#checkedAt.set(placement.id, this.#parts.monotonic());
        void this.#check(route, placement).finally(() => this.#running.delete(placement.id));
      }
    }
  }

  #isDue({ routing }: Route, placement: Placement): boolean {
    const { pool, states, monotonic } = this.#parts;
    const now = monotonic();
    const failedAt = pool.failure(placement)?.at;
    if (failedAt !== undefined) return !pool.loading(placement) && now - failedAt >= routing.cooldownMs;
    if (pool.loaded(placement) === undefined) return false;
    const { circuit, answeredAt = 0 } = states.of(placement);
    const state = circuit.state(now);
    if (state !== "closed") return state === "half_open" && circuit.admits(now);
    const heardAt = Math.max(answeredAt, this.#checkedAt.get(placement.id) ?? 0);
    return now - heardAt >= routing.healthCheckMs;
  }

  async #check(route: Route, placement: Placement): Promise<void> {
    const { pool, states, log, monotonic, wallClock } = this.#parts;
    const { routing } = route;
    const state = states.of(placement);
    const wasClosed = state.circuit.state(monotonic()) === "closed";
    try {
      if (pool.failure(placement) !== undefined) {
        // However long that takes, as for a request.
        (await pool.acquire(route, placement, this.#stopped.signal)).release();
      }
      const model = pool.loaded(placement);
      // Unloaded meanwhile: nothing is known of it.
      if (model === undefined) return;
      state.circuit.begun(monotonic());
      await this.#ask(route, model);
      state.circuit.succeeded();
      if (!wasClosed) log.info({ model: route.name, placement: placement.id }, "well again");
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      // A load that fails is remembered by the pool.
      if (pool.failure(placement) !== undefined) {
        state.circuit.untold();
        return;
      }
      const failure =
        error instanceof GatewayError
          ? error
          : new GatewayError("engine_unavailable", "It failed a health check.");
      // An engine that is full is well.
      if (failure.code === "server_is_overloaded") state.circuit.untold();
      else state.failed(failure, { at: wallClock(), now: monotonic() }, routing);
      log.warn({ model: route.name, placement: placement.id, err: error }, "a health check failed");
    }
  }

  async #ask({ routing }: Route, model: Model): Promise<void> {
    const { after } = this.#parts;
    const late = new AbortController();
    const cancel = after(routing.healthCheckTimeoutMs, () =>
      late.abort(new GatewayError("engine_unavailable", "It did not answer a health check in time.")),
    );
    try {
      await model.check(AbortSignal.any([this.#stopped.signal, late.signal]));
    } finally {
      cancel();
    }
  }
}

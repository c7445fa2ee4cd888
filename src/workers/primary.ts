import cluster from "node:cluster";
import type { output } from "zod";
import type { LimitStore } from "../access/limit-store.ts";
import type { Log } from "../core/log.ts";
import { GatewayError, OperatorError } from "../errors.ts";
import type { Changes, Trigger } from "../reload/configuration.ts";
import { CommonReload } from "./common-reload.ts";
import type { FleetMetrics } from "./fleet-metrics.ts";
import { HeldLimits } from "./held-limits.ts";
import type { Line } from "./line.ts";
import { asksPrimary, asksWorker } from "./procedures.ts";
import { WorkerPlace } from "./worker-place.ts";

/** Milliseconds that a worker has to tell what it measured. */
const SNAPSHOT_MS = 5_000;
/** Milliseconds beyond the grace period after which a worker that has not stopped is killed. */
const STOP_MS = 10_000;

export interface PrimaryParts {
  readonly workers: number;
  /** The config file as it was read at the start, and as it is now. The latter throws OperatorError. */
  readonly started: Uint8Array;
  read(): Uint8Array;
  readonly graceMs: number;
  readonly limits: LimitStore;
  /** Undefined where nothing is measured. */
  readonly metrics: FleetMetrics | undefined;
  readonly log: Log;
  monotonic(): number;
}

/**
 * The process that starts those that serve, shares connections among them, and holds what they must have in common:
 * limits, the configuration in force, totals. It serves nothing itself.
 */
export class Primary {
  readonly #parts: PrimaryParts;
  readonly #places: readonly WorkerPlace[];
  readonly #limits: HeldLimits;
  readonly #reload: CommonReload;
  readonly #listening = Promise.withResolvers<{ address: string; banner: string }>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #readyPlaces = new Set<number>();
  #bound = 0;
  /** Places whose process listens on it. */
  readonly #holders = new Set<number>();
  /** What workers listen on in place of the config's port, which may be any free one. */
  #port: number | null = null;
  #begun = false;
  #stopping = false;

  constructor(parts: PrimaryParts) {
    const { workers, log, monotonic, started, read } = parts;
    this.#parts = parts;
    this.#limits = new HeldLimits(parts.limits);
    this.#reload = new CommonReload({ started, read });
    // Messages hold bytes.
    cluster.setupPrimary({ serialization: "advanced" });
    this.#places = Array.from(
      { length: workers },
      (_, index) =>
        new WorkerPlace(index + 1, {
          log,
          monotonic,
          fork: () => cluster.fork(),
          started: (place, line) => this.#answer(place, line),
          ended: (...what) => this.#ended(...what),
        }),
    );
    // Whoever waits is told; nobody need.
    for (const { promise } of [this.#listening, this.#ready]) promise.catch(() => undefined);
  }

  /** Starts the workers; resolves when the first listens. Throws OperatorError where one cannot start. */
  listen(): Promise<{ address: string; banner: string }> {
    for (const place of this.#places) place.start();
    return this.#listening.promise;
  }

  /** Resolves when all have loaded what is to be loaded at the start. Throws OperatorError. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** As `Configuration.reload`, in every worker or in none. */
  reload(trigger: Trigger): Promise<Changes> {
    return this.#reload.reload(trigger);
  }

  /** Every worker refuses new requests and lets running ones finish within the grace period. */
  async close(): Promise<void> {
    this.#stopping = true;
    for (const place of this.#places) place.retire();
    for (const { line } of this.#lines()) void line.ask(asksWorker.stop, undefined).catch(() => undefined);
    const late = setTimeout(() => this.kill(), this.#parts.graceMs + STOP_MS);
    await Promise.all(this.#places.map((place) => place.gone()));
    clearTimeout(late);
  }

  /** Ends every worker at once. */
  kill(): void {
    this.#stopping = true;
    for (const place of this.#places) place.kill();
  }

  #lines(): { number: number; line: Line }[] {
    return this.#places.flatMap(({ number, line }) => (line === undefined ? [] : [{ number, line }]));
  }

  #answer(place: WorkerPlace, line: Line): void {
    const { number } = place;
    line.serve(asksPrimary.begin, async () => ({
      ...(await this.#reload.join(line)),
      worker: number,
      port: this.#port,
    }));
    line.serve(asksPrimary.listening, (told) => {
      const port = Number(new URL(told.address).port);
      // It was told to take any free one, and the last that held the first has died since: the next try takes that.
      if (this.#bound !== 0 && this.#bound !== port) return place.kill();
      this.#bound = port;
      this.#holders.add(number);
      this.#listening.resolve(told);
    });
    line.serve(asksPrimary.ready, () => {
      this.#readyPlaces.add(number);
      if (this.#readyPlaces.size < this.#places.length) return;
      this.#begun = true;
      this.#ready.resolve();
    });
    line.serve(asksPrimary.failed, ({ message, exitStatus }) => {
      if (!this.#begun) this.#fail(new OperatorError(message, { exitStatus }));
      else this.#parts.log.error({ worker: number, reason: message }, "a worker could not start");
    });
    line.serve(asksPrimary.reserve, ({ name, limits, tokens }) =>
      this.#limits.reserve(number, name, limits, tokens),
    );
    line.serve(asksPrimary.settle, ({ id, tokens }) => this.#limits.settle(number, id, tokens));
    line.serve(asksPrimary.metrics, () => this.#metricsText());
    line.serve(asksPrimary.everywhere, (act) => this.#everywhere(act));
    line.serve(asksPrimary.reload, ({ trigger }) => this.#reload.reload(trigger));
  }

  /** Of an act that changes something every worker must have succeeded; of a look, one that dies meanwhile is left out. */
  async #everywhere(act: output<(typeof asksPrimary)["everywhere"]["question"]>) {
    const results = await Promise.allSettled(
      this.#lines().map(async ({ number, line }) => ({
        worker: number,
        body: await line.ask(asksWorker.act, act),
      })),
    );
    const done = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined && (act.method !== "get" || done.length === 0)) throw failed.reason;
    return done;
  }

  /** Whether it is started again. */
  #ended({ number }: WorkerPlace, line: Line, status: string): boolean {
    this.#reload.leave(line);
    this.#limits.gone(number);
    this.#parts.metrics?.gone(number);
    this.#holders.delete(number);
    // Nobody holds it any more, and another free port would be found by nobody.
    if (this.#bound !== 0 && this.#holders.size === 0) this.#port = this.#bound;
    if (this.#stopping) return false;
    if (!this.#begun) {
      this.#fail(new OperatorError(`a worker process ended before it was ready: ${status}`));
      return false;
    }
    this.#parts.metrics?.restarted();
    return true;
  }

  #fail(error: OperatorError): void {
    this.#listening.reject(error);
    this.#ready.reject(error);
  }

  async #metricsText(): Promise<string> {
    const { metrics } = this.#parts;
    if (metrics === undefined) throw new GatewayError("unknown_url", "Metrics are off.");
    const present = await Promise.all(
      this.#lines().map(async ({ number, line }) => {
        const snapshot = await within(SNAPSHOT_MS, line.ask(asksWorker.snapshot, undefined));
        if (snapshot === undefined) return [];
        metrics.saw(number, snapshot);
        return [number];
      }),
    );
    return metrics.text(present.flat());
  }
}

/** Undefined where it fails, or takes longer. */
async function within<Value>(ms: number, work: Promise<Value>): Promise<Value | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  try {
    return await Promise.race([work.catch(() => undefined), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

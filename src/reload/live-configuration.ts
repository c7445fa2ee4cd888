import type { Config } from "../config/schema.ts";
import type { Log } from "../core/log.ts";
import { GatewayError } from "../errors.ts";
import type { Pool } from "../routing/pool.ts";
import { carryOver, placementsOnlyIn } from "./carry-over.ts";
import { changesBetween, sameConfig } from "./changes.ts";
import type {
  Changes,
  Configuration,
  ConfigurationState,
  Refusal,
  ReloadProgress,
  Trigger,
} from "./configuration.ts";
import { type Generation, type GenerationParts, generation } from "./generation.ts";

/** Milliseconds after which limits that were replaced are closed: requests that were being counted are done by then. */
const LIMITS_LINGER_MS = 15_000;

/** Where the configuration comes from. */
export interface ConfigSource {
  /** The file, for messages. */
  readonly name: string;
  /** Reads and checks it again. Throws OperatorError that names line and key. */
  read(): Config;
}

/** How a process stands to others that serve the same configuration. */
export interface Fellowship {
  /** What the others have come to; null where this one is among the first. */
  readonly progress: ReloadProgress | null;
  /** Waits, with a configuration ready to serve, until all others are. Throws OperatorError where one refuses. */
  agree(): Promise<void>;
}

export interface LiveConfigurationParts extends GenerationParts {
  readonly source: ConfigSource;
  /** The one that the gateway was started with, where others have reloaded since. */
  readonly start?: Config;
  readonly fellowship?: Fellowship | undefined;
  readonly pool: Pick<Pool, "retire">;
  readonly log: Log;
  /** Seconds since 1970, whole. */
  now(): number;
  after(ms: number, callback: () => void): () => void;
}

/** The configuration that is in force, and what takes its place when the file says something else. */
export class LiveConfiguration implements Configuration {
  readonly #parts: LiveConfigurationParts;
  readonly #start: Config;
  readonly #closing = new AbortController();
  #current: Generation;
  #generation: number;
  #tries = 1;
  #appliedAt: number;
  #refusal: Refusal | null;
  #restartRequired: readonly string[];
  readonly #reloads: { applied: number; unchanged: number; refused: number };
  /** One after the other: each reload starts from what the one before has left. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(first: Generation, parts: LiveConfigurationParts) {
    this.#current = first;
    this.#start = parts.start ?? first.config;
    this.#parts = parts;
    const { generation, appliedAt, reloads, refusal } = parts.fellowship?.progress ?? begun(parts.now());
    this.#generation = generation;
    this.#appliedAt = appliedAt;
    this.#reloads = { ...reloads };
    this.#refusal = refusal;
    this.#restartRequired = changesBetween(first.config, first.config, this.#start).restartRequired;
  }

  get current(): Generation {
    return this.#current;
  }

  /** Loads the models that are wanted at start; reloads wait for it. Throws what `Preloading` says. */
  preload(signal: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#current.services.preload(signal));
  }

  state(): ConfigurationState {
    const { config, limits } = this.#current;
    return {
      source: this.#parts.source.name,
      generation: this.#generation,
      appliedAt: this.#appliedAt,
      reloads: { ...this.#reloads },
      refusal: this.#refusal,
      restartRequired: this.#restartRequired,
      keys: config.api_keys ?? [],
      limits: limits.status(),
    };
  }

  reload(trigger: Trigger): Promise<Changes> {
    return this.#inTurn(async () => {
      const audit = trigger === "admin" ? {} : { audit: "reload" };
      try {
        const changes = await this.#apply(this.#parts.source.read());
        this.#refusal = null;
        this.#restartRequired = changes.restartRequired;
        const { log } = this.#parts;
        const fields = { ...audit, trigger, outcome: "done", generation: this.#generation, ...changes };
        log.info(fields, "the configuration was read again");
        return changes;
      } catch (error) {
        const message = reasonOf(error);
        this.#reloads.refused += 1;
        this.#refusal = { at: this.#parts.now(), trigger, message };
        const fields = {
          ...audit,
          trigger,
          outcome: "invalid_config",
          generation: this.#generation,
          message,
        };
        this.#parts.log.error(fields, "the configuration was refused; the last good one stays");
        throw new GatewayError("invalid_config", message, { cause: error });
      }
    });
  }

  /** Gives up a reload that is under way, and refuses others. */
  stop(): void {
    this.#closing.abort(new GatewayError("shutting_down", "The server is shutting down."));
  }

  /** To be called when nothing is served any more. */
  async close(): Promise<void> {
    this.stop();
    await this.#turn;
    await this.#current.limits.close();
  }

  /** What is added is loaded before the change, what is removed goes after it: requests always find an engine. */
  async #apply(config: Config): Promise<Changes> {
    const { pool } = this.#parts;
    const before = this.#current;
    const changes = changesBetween(before.config, config, this.#start);
    if (sameConfig(before.config, config)) {
      this.#reloads.unchanged += 1;
      return changes;
    }
    const next = await this.#next(config, before);
    try {
      await next.services.preload(this.#closing.signal);
      await this.#parts.fellowship?.agree();
    } catch (error) {
      for (const { route, placement } of placementsOnlyIn(next, before)) pool.retire(route, placement);
      if (next.limits !== before.limits) await next.limits.close();
      throw error;
    }
    this.#current = next;
    this.#generation += 1;
    this.#appliedAt = this.#parts.now();
    this.#reloads.applied += 1;
    for (const { route, placement } of placementsOnlyIn(before, next)) pool.retire(route, placement);
    if (next.limits !== before.limits) {
      this.#parts.after(LIMITS_LINGER_MS, () => void before.limits.close());
    }
    return changes;
  }

  async #next(config: Config, before: Generation): Promise<Generation> {
    const bare = { config, routes: await this.#parts.routes(config) };
    this.#closing.signal.throwIfAborted();
    // A refused configuration may have used the next generation's ids: every try has its own.
    this.#tries += 1;
    const routes = carryOver(bare, before, this.#tries);
    const sameLimits = JSON.stringify(config.rate_limits) === JSON.stringify(before.config.rate_limits);
    const limits = sameLimits ? before.limits : this.#parts.limits(config.rate_limits);
    return generation(config, routes, limits, this.#parts);
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

const begun = (now: number): ReloadProgress => ({
  generation: 1,
  appliedAt: now,
  reloads: { applied: 0, unchanged: 0, refused: 0 },
  refusal: null,
});

/** For operators: with what a driver says of files and processes. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return error instanceof GatewayError && cause instanceof Error
    ? `${error.message}: ${cause.message}`
    : error.message;
}

import type { ApiKey } from "../access/keyring.ts";
import type { LimitStatus } from "../access/limit-store.ts";

/** What made the config file be read again. */
export type Trigger = "file" | "signal" | "admin";

/** What a new configuration changed; names only. */
export interface Changes {
  readonly models: { readonly added: string[]; readonly removed: string[]; readonly changed: string[] };
  readonly keys: { readonly added: string[]; readonly removed: string[]; readonly changed: string[] };
  /** Keys of the file that only a restart applies; until then they are what they were at the start. */
  readonly restartRequired: string[];
}

/** A configuration that was refused. */
export interface Refusal {
  /** Seconds since 1970, whole. */
  readonly at: number;
  readonly trigger: Trigger;
  /** Names file, line, column and key where the file is wrong. */
  readonly message: string;
}

/** What reloads have come to. */
export interface ReloadProgress {
  /** 1 at the start, one more with each change. */
  readonly generation: number;
  /** Seconds since 1970, whole. */
  readonly appliedAt: number;
  readonly reloads: { readonly applied: number; readonly unchanged: number; readonly refused: number };
  /** Why the last try was refused; null where it was not. */
  readonly refusal: Refusal | null;
}

/** How the configuration stands. */
export interface ConfigurationState extends ReloadProgress {
  /** The file. */
  readonly source: string;
  readonly restartRequired: readonly string[];
  readonly keys: readonly ApiKey[];
  readonly limits: LimitStatus;
}

/** The configuration of a running gateway. */
export interface Configuration {
  state(): ConfigurationState;
  /**
   * Reads the file again and applies it. Resolves once what it adds is loaded and serves; running requests go on as
   * they began. Throws GatewayError `invalid_config`, and nothing has changed then.
   */
  reload(trigger: Trigger): Promise<Changes>;
}

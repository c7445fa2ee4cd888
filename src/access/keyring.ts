import { hasHash } from "./key-hash.ts";

/** What one key may use within a minute and at a time; null: no limit. */
export interface Limits {
  /** Requests a minute. */
  readonly rpm: number | null;
  /** Tokens of prompts and answers a minute. */
  readonly tpm: number | null;
  /** Requests that are being answered. */
  readonly maxParallel: number | null;
}

/** A key that opens the gateway; the key itself is nowhere kept. */
export interface ApiKey extends Limits {
  /** Tells its holder in logs, metrics and queues. */
  readonly name: string;
  /** `sha256:…`; a key with any of them is this one. */
  readonly hashes: readonly string[];
  /** Names of the models that it may use; null: every one. */
  readonly models: readonly string[] | null;
  /** Of those that wait, the lower goes first. */
  readonly priority: number;
}

/** The keys that open the gateway. */
export class Keyring {
  readonly keys: readonly ApiKey[];

  constructor(keys: readonly ApiKey[]) {
    this.keys = keys;
  }

  /** The key that was shown, or undefined. Every key is looked at, so that time tells nothing of which was near. */
  find(shown: string): ApiKey | undefined {
    let found: ApiKey | undefined;
    for (const key of this.keys) if (hasHash(shown, key.hashes)) found = key;
    return found;
  }
}

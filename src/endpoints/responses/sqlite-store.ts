import { DatabaseSync } from "node:sqlite";
import { OperatorError } from "../../errors.ts";
import type { Item } from "./input.ts";
import type { ResponseStore, StoredResponse } from "./store.ts";

const SCHEMA = `
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS responses (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  expires INTEGER NOT NULL,
  stored TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS responses_expire ON responses (expires);
CREATE TABLE IF NOT EXISTS items (
  id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  response TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
  item TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT;
PRAGMA foreign_keys = ON;
`;

export interface SqliteLimits {
  readonly responses: number;
}

/** Keeps responses in an SQLite file, which several gateways of one machine may share; they outlive the process. */
export class SqliteResponseStore implements ResponseStore {
  readonly #database: DatabaseSync;
  readonly #limits: SqliteLimits;
  readonly #ttlMs: number;
  readonly #now: () => number;

  /** Throws OperatorError that names the file where it cannot be opened, or is no database. */
  constructor(path: string, limits: SqliteLimits, ttlMs: number, now: () => number) {
    this.#limits = limits;
    this.#ttlMs = ttlMs;
    this.#now = now;
    try {
      this.#database = new DatabaseSync(path, { timeout: 5000 });
      this.#database.exec(SCHEMA);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new OperatorError(`responses.path: ${path}: cannot be opened as an SQLite database: ${reason}`, {
        cause,
      });
    }
  }

  put(tenant: string, stored: StoredResponse): void {
    const database = this.#database;
    database.exec("BEGIN IMMEDIATE");
    try {
      database
        .prepare("INSERT OR REPLACE INTO responses (id, tenant, expires, stored) VALUES (?, ?, ?, ?)")
        .run(stored.response.id, tenant, this.#now() + this.#ttlMs, JSON.stringify(stored));
      const insert = database.prepare(
        "INSERT OR REPLACE INTO items (id, tenant, response, item) VALUES (?, ?, ?, ?)",
      );
      for (const item of [...stored.input, ...stored.output]) {
        insert.run(item.id, tenant, stored.response.id, JSON.stringify(item));
      }
      database.prepare("DELETE FROM responses WHERE expires <= ?").run(this.#now());
      database
        .prepare(
          "DELETE FROM responses WHERE id IN (SELECT id FROM responses ORDER BY expires DESC, rowid DESC LIMIT -1 OFFSET ?)",
        )
        .run(this.#limits.responses);
      database.exec("COMMIT");
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  }

  get(tenant: string, id: string): StoredResponse | undefined {
    const row = this.#database
      .prepare("SELECT stored FROM responses WHERE id = ? AND tenant = ? AND expires > ?")
      .get(id, tenant, this.#now());
    return row === undefined ? undefined : JSON.parse(String(row["stored"]));
  }

  item(tenant: string, id: string): Item | undefined {
    const row = this.#database.prepare("SELECT item FROM items WHERE id = ? AND tenant = ?").get(id, tenant);
    return row === undefined ? undefined : JSON.parse(String(row["item"]));
  }

  delete(tenant: string, id: string): boolean {
    const { changes } = this.#database
      .prepare("DELETE FROM responses WHERE id = ? AND tenant = ? AND expires > ?")
      .run(id, tenant, this.#now());
    return Number(changes) > 0;
  }

  close(): void {
    this.#database.close();
  }
}

import { open, rename, rm, stat } from "node:fs/promises";
import { OperatorError } from "../errors.ts";

/** A file of known size and content that somebody else's server has. */
export interface RemoteFile {
  /** For messages, such as `databricks/dolly-v2-3b: model.safetensors`. */
  readonly what: string;
  readonly bytes: number;
  /** Hexadecimal, as `hashOf` gives it. */
  readonly hash: string;
  /** Who says so, for messages: `the Hub lists`. */
  readonly listed: string;
  /** Where it comes from, for messages. */
  readonly server: string;
  /** Asks for it, from a byte on. Throws OperatorError, or what cut the connection; 416 is an answer too. */
  ask(range: string | undefined): Promise<Response>;
  hashOf(path: string): Promise<string>;
}

export interface Transfer {
  /** The file that grows; `target` once it is whole. */
  readonly partial: string;
  readonly target: string;
  readonly signal: AbortSignal;
  /** Bytes that have come since the last call; negative where some are fetched anew. */
  readonly onBytes: (bytes: number) => void;
}

/** Connections that may be cut without a byte having come. */
const MOST_FAILURES = 3;

/** Bytes of a file; 0 where there is none. */
export const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? cause.message || cause.name : error.message;
}

/**
 * Fetches a file. What an earlier try left is gone on with, and so is a connection that is cut; the whole is compared with its
 * hash before it gets its name. Throws OperatorError, or `signal.reason`.
 */
export async function fetchWhole(file: RemoteFile, transfer: Transfer): Promise<void> {
  const { partial, target, signal, onBytes } = transfer;
  onBytes(Math.min(await sizeOf(partial), file.bytes));
  for (let failures = 0; (await sizeOf(partial)) !== file.bytes; ) {
    const had = await sizeOf(partial);
    try {
      await append(file, transfer);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof OperatorError) throw error;
      failures = (await sizeOf(partial)) > had ? 0 : failures + 1;
      if (failures >= MOST_FAILURES) {
        throw new OperatorError(
          `${file.what}: the connection is cut again and again (${reasonOf(error)}); what has come is kept, and the same command goes on from there`,
          { cause: error },
        );
      }
    }
  }
  const found = await file.hashOf(partial);
  if (found !== file.hash) {
    await rm(partial, { force: true });
    throw new OperatorError(
      `${file.what}: what came is not what ${file.listed} (its hash is ${found.slice(0, 12)}…, not ${file.hash.slice(0, 12)}…); run the same command again`,
    );
  }
  await rename(partial, target);
}

/** Adds what is missing to a file that has its beginning. Throws OperatorError, or what cut the connection. */
async function append(file: RemoteFile, { partial, onBytes }: Transfer): Promise<void> {
  let have = await sizeOf(partial);
  if (have > file.bytes) {
    await rm(partial, { force: true });
    onBytes(-file.bytes);
    have = 0;
  }
  const response = await file.ask(have > 0 ? `bytes=${have}-` : undefined);
  const goesOn = response.status === 206;
  if (!goesOn && have > 0) onBytes(-have);
  if (response.status === 416) {
    await response.body?.cancel();
    await rm(partial, { force: true });
    return;
  }
  const target = await open(partial, goesOn ? "a" : "w");
  let length = goesOn ? have : 0;
  try {
    for await (const chunk of response.body ?? []) {
      await target.write(chunk);
      length += chunk.length;
      onBytes(chunk.length);
      if (length > file.bytes) throw new Error(`more comes than the ${file.bytes} bytes that are listed`);
    }
  } finally {
    await target.close();
  }
  if (length === file.bytes) return;
  if (
    length < file.bytes &&
    response.headers.get("content-length") === String(length - (goesOn ? have : 0))
  ) {
    // All that the server wants to give, such as the pointer to a large file instead of it.
    await rm(partial, { force: true });
    throw new OperatorError(
      `${file.what}: ${file.server} gives ${length} bytes of the ${file.bytes} that ${file.listed}`,
    );
  }
  throw new Error(`the connection ended after ${length} of ${file.bytes} bytes`);
}

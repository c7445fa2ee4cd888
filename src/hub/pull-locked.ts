import { basename } from "node:path";
import { OperatorError } from "../errors.ts";
import type { Hub, Repository } from "./hub.ts";
import { MissingAtHub } from "./listing.ts";
import { type OnProgress, type Pulled, pull } from "./pull.ts";

export interface LockedPull extends Pulled {
  /** The commit that was written down before; undefined where none was. */
  readonly before: string | undefined;
  /** Why the commit could not be written down; undefined where it is. */
  readonly unwritten: OperatorError | undefined;
}

/**
 * Fetches a model at the commit that the lock has for it, or, where it has none or is to be moved, at what the revision is now, and
 * writes that down. Throws OperatorError that says what to do, or `signal.reason`.
 */
export async function pullLocked(
  hub: Hub,
  repository: Repository,
  { update, ...how }: { update: boolean; signal: AbortSignal; onProgress: OnProgress },
): Promise<LockedPull> {
  const { lock } = hub;
  const before = await lock?.commit(repository);
  if (lock !== undefined && before !== undefined && !update) {
    try {
      return { ...(await pull(hub, { ...repository, revision: before }, how)), before, unwritten: undefined };
    } catch (error) {
      if (!(error instanceof MissingAtHub)) throw error;
      const { id, revision } = repository;
      throw new OperatorError(
        `${id}: the commit ${before} that ${lock.file} names is not at ${hub.endpoint} any more (${error.message}); to take what ${revision} is now: dolly pull --update --config FILE, with the config beside ${basename(lock.file)}`,
        { cause: error },
      );
    }
  }
  const pulled = await pull(hub, repository, how);
  try {
    await lock?.record(repository, pulled.commit);
    return { ...pulled, before, unwritten: undefined };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { ...pulled, before, unwritten: error };
  }
}

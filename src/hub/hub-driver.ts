import type { BoundDriver, Driver } from "../core/driver.ts";
import { OperatorError } from "../errors.ts";
import { type Hub, keptSnapshot, type Repository } from "./hub.ts";
import { pinned } from "./lock.ts";
import { pullLocked } from "./pull-locked.ts";

/** A placement whose `model` is a repository: it is fetched when it is first loaded. */
export function fromHub(
  driver: Driver,
  options: Readonly<Record<string, unknown>>,
  repository: Repository,
  hub: Hub,
): BoundDriver {
  const at = (folder: string): BoundDriver => driver.bind({ ...options, model: folder });
  const { id, revision } = repository;
  const named = revision === "main" ? id : `${id}@${revision}`;
  const snapshot = async () => keptSnapshot(hub, await pinned(repository, hub.lock));
  const kept = async (): Promise<BoundDriver> => {
    const folder = await snapshot();
    if (folder !== undefined) return at(folder);
    const locked = await pinned(repository, hub.lock);
    const wanted = locked.revision === revision ? named : `${id}@${locked.revision}`;
    throw new OperatorError(`${wanted}: is not in ${hub.cache} yet. Run: dolly pull ${wanted}`);
  };
  return {
    driver: driver.name,
    async fetch(context, signal) {
      const task = `fetching ${named}`;
      const onProgress = (done: number, total: number) =>
        context.onProgress({ task, fraction: total === 0 ? 1 : done / total });
      try {
        const how = { update: false, signal, onProgress };
        const { commit, before, unwritten } = await pullLocked(hub, repository, how);
        const locked = before === commit;
        context.log.info({ repository: id, revision, commit, locked }, "model is there");
        if (unwritten !== undefined) {
          context.log.warn(
            { repository: id, commit, err: unwritten },
            "the commit is not written down: the next start may find another; write it behind @ in the config",
          );
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof OperatorError) || (await snapshot()) === undefined) throw error;
        context.log.warn(
          { repository: id, revision, err: error },
          "the Hub was not asked for news; what is there is used",
        );
      }
    },
    inspect: async (context) => (await kept()).inspect(context),
    load: async (context, signal) => (await kept()).load(context, signal),
  };
}

import type { BoundDriver, Driver } from "../core/driver.ts";
import { OperatorError } from "../errors.ts";
import { type Hub, keptSnapshot, type Repository } from "./hub.ts";
import { pull } from "./pull.ts";

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
  const kept = async (): Promise<BoundDriver> => {
    const folder = await keptSnapshot(hub, repository);
    if (folder !== undefined) return at(folder);
    throw new OperatorError(`${named}: is not in ${hub.cache} yet. Run: dolly pull ${named}`);
  };
  return {
    driver: driver.name,
    async fetch(context, signal) {
      const task = `fetching ${named}`;
      const onProgress = (done: number, total: number) =>
        context.onProgress({ task, fraction: total === 0 ? 1 : done / total });
      try {
        const { commit } = await pull(hub, repository, { signal, onProgress });
        context.log.info({ repository: id, revision, commit }, "model is there");
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof OperatorError) || (await keptSnapshot(hub, repository)) === undefined)
          throw error;
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

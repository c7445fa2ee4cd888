import { placementParts } from "../config/placement-parts.ts";
import type { Driver } from "../core/driver.ts";
import { OperatorError } from "../errors.ts";
import { type Hub, hubOf, parseRepository, type Repository } from "../hub/hub.ts";
import { pullLocked } from "../hub/pull-locked.ts";
import { thisMachine } from "../machine/this-machine.ts";
import { whyNot } from "../placement/when.ts";
import { cacheFolder } from "./cache-folder.ts";
import { configFromFile, type LoadedConfig } from "./config-source.ts";
import { showProgress } from "./progress.ts";
import { after, type Terminal } from "./terminal.ts";
import { TransferRate } from "./transfer-rate.ts";

export interface PullFlags {
  readonly config?: string;
  readonly update?: boolean;
}

export interface PullParts {
  readonly terminal: Terminal;
  readonly drivers: readonly Driver[];
  readonly templates: readonly string[];
}

/**
 * Fetches models into Hugging Face's cache: one, or those of a config that this machine would use. With a config, at the commits that
 * its lock names, and what it does not name yet is written there. SIGINT and SIGTERM stop it; the next time it goes on from there.
 */
export async function pullCommand(
  name: string | undefined,
  flags: PullFlags,
  { terminal, drivers, templates }: PullParts,
): Promise<void> {
  const { env, home, cwd } = terminal;
  const named = flags.config ?? (env["DOLLY_CONFIG"] || undefined);
  const loaded =
    named === undefined ? undefined : configFromFile({ config: named }, { env, cwd, drivers, templates });
  if (flags.update && loaded === undefined) {
    throw new OperatorError("--update moves the lock of a config: name that with --config", {
      exitStatus: 2,
    });
  }
  const repositories = wanted(name, loaded, { drivers, terminal });
  const hub = hubOf(env, home, loaded?.lockFile);
  const interrupted = new AbortController();
  const ignoreSignals = terminal.onSignal((signal) => {
    interrupted.abort(
      new OperatorError(`${signal}: stopped; what has come is kept, and the same command goes on from there`),
    );
  });
  try {
    for (const repository of repositories) {
      await pullOne(hub, repository, { update: flags.update ?? false, terminal, signal: interrupted.signal });
    }
  } finally {
    ignoreSignals();
  }
}

function wanted(
  name: string | undefined,
  loaded: LoadedConfig | undefined,
  { drivers, terminal }: Pick<PullParts, "drivers" | "terminal">,
): Repository[] {
  if (name !== undefined) {
    const repository = parseRepository(name);
    if (repository !== undefined) return [repository];
    throw new OperatorError(`${name}: is no repository; name one as owner/name, or owner/name@revision`, {
      exitStatus: 2,
    });
  }
  if (loaded === undefined) {
    throw new OperatorError("name a repository as owner/name, or a config that names some with --config", {
      exitStatus: 2,
    });
  }
  const machine = thisMachine(drivers, cacheFolder(loaded, terminal));
  const found = Object.values(loaded.config.models).flatMap(({ placements }) =>
    placements.flatMap((placement) => {
      const { repository, when } = placementParts(placement, drivers, loaded.folder);
      return repository === undefined || (when && whyNot(when, machine())) ? [] : [repository];
    }),
  );
  if (found.length === 0) {
    throw new OperatorError(`${loaded.source}: names no repository that this machine would use`);
  }
  return [...new Map(found.map((one) => [`${one.id}@${one.revision}`, one])).values()];
}

async function pullOne(
  hub: Hub,
  repository: Repository,
  { update, terminal, signal }: { update: boolean; terminal: Terminal; signal: AbortSignal },
): Promise<void> {
  const { note, columns, print } = terminal;
  const { id, revision } = repository;
  const monotonic = () => performance.now();
  const display = showProgress(`fetching ${id}`, { note, columns, monotonic, after });
  const rate = new TransferRate(monotonic());
  try {
    const { folder, commit, bytes, before, unwritten } = await pullLocked(hub, repository, {
      update,
      signal,
      onProgress: (done, total) =>
        display.update({
          task: `fetching ${id}`,
          detail: rate.told(done, total, monotonic()),
          fraction: done / Math.max(1, total),
        }),
    });
    display.end();
    if (unwritten !== undefined && update) throw unwritten;
    const serve = hub.lock === undefined ? ` Serve it with: dolly serve ${folder}` : "";
    print(`${folder}\n${id} at ${commit}, ${(bytes / 1e6).toFixed(1)} MB.${serve}\n`);
    if (unwritten !== undefined) note(`${unwritten.message}; the next start may find another commit\n`);
    else if (before !== undefined && before !== commit) {
      print(`${revision} was ${before} in ${hub.lock?.file}\n`);
    }
  } finally {
    display.end();
  }
}

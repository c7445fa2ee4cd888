import type { Driver } from "../core/driver.ts";
import type { MachineFacts } from "../core/machine.ts";
import { availableMemory } from "./available-memory.ts";
import { machineFacts } from "./facts.ts";
import { listGpusLater } from "./gpu-list.ts";

/** What the machine has that this process runs on, looked at once, when it is first asked for. */
export function thisMachine(
  drivers: readonly Pick<Driver, "providers">[],
  cacheDir: string,
): () => MachineFacts {
  let known: MachineFacts | undefined;
  return () => {
    known ??= machineFacts({
      available: availableMemory,
      providers: () => [...new Set(drivers.flatMap(({ providers }) => providers(cacheDir)))],
    });
    return known;
  };
}

/** The same machine with what its GPUs have free now. */
export const withCurrentGpus = async (machine: MachineFacts): Promise<MachineFacts> =>
  machine.gpus.length === 0 ? machine : { ...machine, gpus: await listGpusLater() };

import { gigabytes } from "../core/gigabytes.ts";
import type { GpuFacts, MachineFacts } from "../core/machine.ts";
import { type ModelNeed, neededBytes } from "../core/need.ts";

/** What a model takes of a machine, and what there is of it; bytes. */
export interface Room {
  readonly device: ModelNeed["device"];
  readonly weights: number;
  readonly kvPerSlot: number;
  readonly pass: number;
  readonly process: number;
  readonly slots: number;
  readonly total: number;
  /** What the engine will show as its resident memory: the total, and what the system keeps of the file. */
  readonly resident: number;
  /** Free where it runs. */
  readonly available: number;
  /** Slots with a full context that there is room for. */
  readonly slotsThatFit: number;
  /** What a model on a GPU takes of main memory beside that; null on a CPU, and where it is not known. */
  readonly host: {
    readonly weights: number;
    readonly kvPerSlot: number;
    readonly total: number;
    readonly available: number;
  } | null;
}

const MOST_SLOTS = 256;

/** What is lacking, with both figures; undefined where all of it fits. */
export function shortage({ device, total, available, host }: Room): string | undefined {
  const told = (wants: number, has: number, where: string): string =>
    `needs ${gigabytes(wants)}${where}, ${gigabytes(has)} are free`;
  if (total > available) return told(total, available, device === "gpu" ? " on the GPU" : "");
  if (host !== null && host.total > host.available)
    return told(host.total, host.available, " in main memory");
  return undefined;
}

export function roomOf(need: ModelNeed, machine: MachineFacts): Room {
  const { weights, kvPerSlot, pass, process, slots, device, fileCopy, host } = need;
  const { availableMemory } = machine;
  const total = neededBytes(need);
  const available = device === "gpu" ? gpuRoom(need, machine) : availableMemory;
  const beside = host === undefined ? undefined : neededBytes({ ...host, slots });
  const room = slotsIn(available - (total - kvPerSlot * slots), kvPerSlot);
  const hostRoom =
    host === undefined || beside === undefined
      ? MOST_SLOTS
      : slotsIn(availableMemory - (beside - host.kvPerSlot * slots), host.kvPerSlot);
  return {
    device,
    weights,
    kvPerSlot,
    pass,
    process,
    slots,
    total,
    resident: total + fileCopy,
    available,
    slotsThatFit: Math.min(room, hostRoom),
    host:
      host === undefined || beside === undefined
        ? null
        : { weights: host.weights, kvPerSlot: host.kvPerSlot, total: beside, available: availableMemory },
  };
}

function slotsIn(room: number, kvPerSlot: number): number {
  if (room < 0) return 0;
  return kvPerSlot === 0 ? MOST_SLOTS : Math.min(MOST_SLOTS, Math.floor(room / kvPerSlot));
}

/** The machine's GPUs that a model runs on. */
export const gpusOf = ({ gpus: places }: ModelNeed, { gpus }: MachineFacts): readonly GpuFacts[] =>
  gpus.filter((_, place) => places?.includes(place) ?? true);

/** What a model may take of its GPUs together: all that is free, or what the first one that is full leaves the others. */
function gpuRoom(need: ModelNeed, machine: MachineFacts): number {
  const gpus = gpusOf(need, machine);
  const { split } = need;
  if (split === undefined) return gpus.reduce((sum, { freeMemory }) => sum + freeMemory, 0);
  const shares = split.reduce((sum, share) => sum + share, 0);
  return Math.min(
    ...gpus.map(({ freeMemory }, at) => {
      const share = (split[at] ?? 0) / shares;
      return share === 0 ? Number.POSITIVE_INFINITY : freeMemory / share;
    }),
  );
}

import { gigabytes } from "../core/gigabytes.ts";
import type { MachineFacts } from "../core/machine.ts";
import { type ModelNeed, neededBytes } from "../core/need.ts";
import { gpuBandwidth } from "../machine/bandwidth.ts";
import { type Condition, whyNot } from "./when.ts";

/** A placement that is to be judged. */
export interface PlannedPlacement {
  readonly id: string;
  readonly driver: string;
  readonly when: Condition | undefined;
  /** Tokens of one slot. */
  readonly contextLength: number | null;
  /** A sentence where the driver cannot run the model; undefined where another engine computes. */
  readonly need: ModelNeed | string | undefined;
}

/** What becomes of a placement on a machine. */
export interface PlanRow {
  readonly id: string;
  readonly driver: string;
  /** `chosen`: tried first; `next`: in its place; `left out`: by its `when`; `too large`; `impossible`: for its driver. */
  readonly verdict: "chosen" | "next" | "left out" | "too large" | "impossible";
  /** The rule that decided, in words. */
  readonly rule: string;
  readonly device: "cpu" | "gpu" | "elsewhere";
  readonly precision: string | null;
  readonly contextLength: number | null;
  /** Bytes. */
  readonly memory: {
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
  } | null;
  /** Of one answer, as fast as memory can be read; null where its bandwidth is not known. */
  readonly tokensPerSecond: number | null;
}

const MOST_SLOTS = 256;

/** Judges placements in their order. `mainBandwidth`: bytes a second of main memory; null: not known. */
export function plan(
  placements: readonly PlannedPlacement[],
  machine: MachineFacts,
  mainBandwidth: number | null,
): PlanRow[] {
  let chosen: string | undefined;
  return placements.map((placement): PlanRow => {
    const row = judged(placement, machine, mainBandwidth);
    if (row.verdict !== "chosen") return row;
    if (chosen === undefined) {
      chosen = placement.id;
      return row;
    }
    return { ...row, verdict: "next", rule: `fits; stands behind ${chosen}` };
  });
}

function judged(
  { id, driver, when, contextLength, need }: PlannedPlacement,
  machine: MachineFacts,
  mainBandwidth: number | null,
): PlanRow {
  const elsewhere = need === undefined;
  const known = typeof need === "object" ? need : undefined;
  const base = {
    id,
    driver,
    device: elsewhere ? ("elsewhere" as const) : (known?.device ?? "cpu"),
    precision: known?.precision ?? null,
    contextLength,
    memory: known === undefined ? null : memoryOf(known, machine),
    tokensPerSecond: known === undefined ? null : speedOf(known, machine, mainBandwidth),
  };
  const reason = when === undefined ? undefined : whyNot(when, machine);
  if (reason !== undefined) return { ...base, verdict: "left out", rule: `when: ${reason}` };
  if (typeof need === "string") return { ...base, verdict: "impossible", rule: need };
  if (elsewhere) return { ...base, verdict: "chosen", rule: "another engine computes it" };
  const { memory } = base;
  if (memory !== null && memory.total > memory.available) {
    const [wants, has] = [memory.total, memory.available].map((bytes) => gigabytes(bytes));
    return { ...base, verdict: "too large", rule: `needs ${wants}, ${has} are free` };
  }
  return { ...base, verdict: "chosen", rule: when === undefined ? "fits" : "its `when` holds, and it fits" };
}

function memoryOf(need: ModelNeed, { gpus, availableMemory }: MachineFacts): NonNullable<PlanRow["memory"]> {
  const { weights, kvPerSlot, pass, process, slots, device, fileCopy } = need;
  const total = neededBytes(need);
  const available = device === "gpu" ? gpus.reduce((sum, gpu) => sum + gpu.freeMemory, 0) : availableMemory;
  const room = available - (total - kvPerSlot * slots);
  return {
    weights,
    kvPerSlot,
    pass,
    process,
    slots,
    total,
    resident: total + fileCopy,
    available,
    slotsThatFit: Math.max(0, Math.min(MOST_SLOTS, Math.floor(room / kvPerSlot))),
  };
}

/** Each token reads the weights, and half of a full slot's keys and values. Layers on several GPUs are read one after the other. */
function speedOf(
  { device, readPerToken, kvPerSlot }: ModelNeed,
  { gpus }: MachineFacts,
  mainBandwidth: number | null,
): number | null {
  const known = gpus.map(({ name }) => gpuBandwidth(name));
  const gpu = known.some((one) => one === null) ? null : Math.min(...known.filter((one) => one !== null));
  const bandwidth = device === "gpu" ? gpu : mainBandwidth;
  return bandwidth === null ? null : bandwidth / (readPerToken + kvPerSlot / 2);
}

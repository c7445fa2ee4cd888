import type { MachineFacts } from "../core/machine.ts";
import type { ModelNeed } from "../core/need.ts";
import { type Room, roomOf, shortage } from "./room.ts";
import { speedOf } from "./speed.ts";
import { type Condition, whyNot } from "./when.ts";

/** A placement that is to be judged. */
export interface PlannedPlacement {
  readonly id: string;
  readonly driver: string;
  readonly when: Condition | undefined;
  /** Tokens of one slot. */
  readonly contextLength: number | null;
  /** A sentence where the driver cannot run the model; undefined where another engine computes; null where it is not known. */
  readonly need: ModelNeed | string | null | undefined;
}

/** What becomes of a placement on a machine. */
export interface PlanRow {
  readonly id: string;
  readonly driver: string;
  /** `chosen`: tried first; `next`: in its place; `left out`: by its `when`; `too large`; `impossible`: for its driver. */
  readonly verdict: "chosen" | "next" | "left out" | "too large" | "impossible";
  /** The rule that decided, in words. */
  readonly rule: string;
  readonly device: "cpu" | "gpu" | "elsewhere" | "unknown";
  readonly precision: string | null;
  readonly contextLength: number | null;
  readonly memory: Room | null;
  /** Of one answer, as fast as memory can be read; null where its bandwidth is not known. */
  readonly tokensPerSecond: number | null;
}

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
  const known = typeof need === "object" && need !== null ? need : undefined;
  const base = {
    id,
    driver,
    device: deviceOf(need),
    precision: known?.precision ?? null,
    contextLength,
    memory: known === undefined ? null : roomOf(known, machine),
    tokensPerSecond: known === undefined ? null : speedOf(known, machine, mainBandwidth),
  };
  const reason = when === undefined ? undefined : whyNot(when, machine);
  if (reason !== undefined) return { ...base, verdict: "left out", rule: `when: ${reason}` };
  if (typeof need === "string") return { ...base, verdict: "impossible", rule: need };
  if (need === undefined) return { ...base, verdict: "chosen", rule: "another engine computes it" };
  if (need === null) return { ...base, verdict: "chosen", rule: "its size is known once it is pulled" };
  const short = base.memory === null ? undefined : shortage(base.memory);
  if (short !== undefined) return { ...base, verdict: "too large", rule: short };
  return { ...base, verdict: "chosen", rule: when === undefined ? "fits" : "its `when` holds, and it fits" };
}

function deviceOf(need: PlannedPlacement["need"]): PlanRow["device"] {
  if (need === undefined) return "elsewhere";
  return typeof need === "object" && need !== null ? need.device : "unknown";
}

import type { PlacementStatus } from "../routing/route.ts";
import type { Instruments } from "./instruments.ts";

/** Every state that a placement can be in. */
const STATES: Readonly<Record<PlacementStatus["state"], true>> = {
  unloaded: true,
  loading: true,
  ready: true,
  restarting: true,
  unavailable: true,
  unloading: true,
  failed: true,
};

export interface ModelPlacements {
  readonly model: string;
  readonly placements: readonly PlacementStatus[];
}

/** Writes down where every placement stands now; what an earlier scrape said of others is forgotten. */
export function observePlacements(instruments: Instruments, models: readonly ModelPlacements[]): void {
  const { placementState, slots, busySlots, queuedRequests, kvUsage, engineMemory, engineRestarts } =
    instruments;
  for (const metric of [placementState, slots, busySlots, queuedRequests, kvUsage, engineMemory]) {
    metric.reset();
  }
  engineRestarts.reset();
  for (const { model, placements } of models) {
    for (const { id, driver, state, loaded } of placements) {
      const labels = { gen_ai_request_model: model, placement: id, driver };
      for (const one of Object.keys(STATES)) {
        placementState.set({ ...labels, state: one }, one === state ? 1 : 0);
      }
      if (loaded === null) continue;
      slots.set(labels, loaded.slots);
      busySlots.set(labels, loaded.busySlots);
      queuedRequests.set(labels, loaded.waiting);
      engineRestarts.inc(labels, loaded.restarts);
      if (loaded.kvUsage !== undefined) kvUsage.set(labels, loaded.kvUsage);
      if (loaded.memoryBytes !== null) engineMemory.set(labels, loaded.memoryBytes);
    }
  }
}

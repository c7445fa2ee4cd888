import type { Placement } from "./route.ts";

/** How long a placement that could not be loaded is left alone, in milliseconds. */
export const COOLDOWN_MS = 10_000;

/**
 * In which order placements are tried: as the config lists them, without those whose last load failed less than
 * COOLDOWN_MS ago. Empty where that is true of all.
 * `failedAt` gives the time of a placement's last failed load, if it has not been loaded since.
 */
export function placementOrder(
  placements: readonly Placement[],
  failedAt: (placement: Placement) => number | undefined,
  now: number,
): Placement[] {
  return placements.filter((placement) => {
    const failed = failedAt(placement);
    return failed === undefined || now - failed >= COOLDOWN_MS;
  });
}

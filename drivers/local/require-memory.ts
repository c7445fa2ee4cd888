import { gigabytes } from "../../src/core/gigabytes.ts";
import { MAKE_IT_FIT } from "../../src/core/need.ts";
import { availableMemory } from "../../src/machine/available-memory.ts";

/** Throws Error with both figures and what to change where there is less memory than needed. */
export function requireMemory(needed: number, available: number | null = availableMemory()): void {
  if (available === null || needed <= available) return;
  throw new Error(
    `the model needs about ${gigabytes(needed)} of memory and ${gigabytes(available)} are available; ${MAKE_IT_FIT}`,
  );
}

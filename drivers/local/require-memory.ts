import { gigabytes } from "../../src/core/gigabytes.ts";
import { availableMemory } from "../../src/machine/available-memory.ts";

/** Throws Error with both figures and what to change where there is less memory than needed. */
export function requireMemory(needed: number, available: number | null = availableMemory()): void {
  if (available === null || needed <= available) return;
  throw new Error(
    `the model needs about ${gigabytes(needed)} of memory and ${gigabytes(available)} are available; ` +
      "lower parallel or max_model_len, take a smaller type, or set memory_check: false",
  );
}

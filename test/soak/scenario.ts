import type { Random } from "../../drivers/local/random.ts";
import type { Figure } from "./figures.ts";

export interface Scenario {
  readonly name: string;
  /** What is done, in a sentence. */
  readonly about: string;
  /** How often in the full form. */
  readonly size: number;
  run(conditions: Conditions): Promise<Figure[]>;
}

export interface Conditions {
  readonly size: number;
  /** Decides when it hits, and whom. */
  readonly random: Random;
  /** Whether the time for long scenarios is over: they end then, however much they have done. */
  readonly expired: () => boolean;
}

/** A whole number from 0 up to, not including, `limit`. */
export const below = (random: Random, limit: number): number => Math.floor(random.next() * limit);

import { createHash } from "node:crypto";
import { Random } from "../drivers/local/random.ts";
import type { BenchCheckpoint } from "./models.ts";

/** Ids below this are control tokens and single bytes in the family's vocabularies. */
const FIRST_WORD = 300;

/** Random words, the same for the same label; those of different labels share no beginning that a cache could know. */
export function randomPrompt({ vocabularySize }: BenchCheckpoint, length: number, label: string): number[] {
  const seed = createHash("sha256").update(label).digest().readUIntLE(0, 6);
  const random = new Random(seed, 0);
  const words = vocabularySize - FIRST_WORD;
  return Array.from({ length }, () => FIRST_WORD + Math.floor(random.next() * words));
}

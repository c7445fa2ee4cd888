import { randomFillSync } from "node:crypto";

/** Bytes of chance in an id. */
const LENGTH = 12;

/** Chance for many ids: asking the system for each costs more than all the rest of it. */
const chance = Buffer.alloc(LENGTH * 256);
let used = chance.length;

/** The prefix and 24 random hexadecimal digits, as long as OpenAI's ids are. */
export function newId(prefix: string): string {
  if (used === chance.length) {
    randomFillSync(chance);
    used = 0;
  }
  used += LENGTH;
  return prefix + chance.toString("hex", used - LENGTH, used);
}

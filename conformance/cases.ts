import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Case } from "./suite.ts";

const caseSchema = z.object({
  name: z.string(),
  outcome: z.enum(["passed", "failed", "skipped"]),
  detail: z.string().default(""),
});

/** Cases that a suite's adapter wrote to a file. */
export const readCases = (path: string): Case[] => casesIn(readFileSync(path, "utf8"));

/** Cases, one JSON object a line. */
export function casesIn(text: string): Case[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => caseSchema.parse(JSON.parse(line)));
}

import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Case } from "./suite.ts";

const caseSchema = z.object({
  name: z.string(),
  outcome: z.enum(["passed", "failed", "skipped"]),
  detail: z.string().default(""),
});

/** Cases that a suite's adapter wrote, one JSON object a line. */
export function readCases(path: string): Case[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => caseSchema.parse(JSON.parse(line)));
}

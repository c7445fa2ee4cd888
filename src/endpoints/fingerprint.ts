import { createHash } from "node:crypto";
import type { Model } from "../core/driver.ts";
import type { PromptTemplate } from "../core/template.ts";

/** OpenAI's `system_fingerprint`: changes with whatever can change a seeded answer. */
export function systemFingerprint(model: Model, template: PromptTemplate): string {
  const hash = createHash("sha256").update(`${model.fingerprint}\n${template.name}`).digest("hex");
  return `fp_${hash.slice(0, 10)}`;
}

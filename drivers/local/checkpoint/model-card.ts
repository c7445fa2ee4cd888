import { parse } from "yaml";
import { z } from "zod";
import { hasEntry, readText } from "./files.ts";

/** What the front matter of a checkpoint's README.md says about where it comes from; null where it says nothing. */
export interface ModelCard {
  /** Such as `mit` or `cc-by-sa-3.0`. */
  readonly license: string | null;
  readonly datasets: readonly string[];
  readonly baseModels: readonly string[];
}

const names = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]));
const cardSchema = z.looseObject({
  license: z.string().optional().catch(undefined),
  datasets: names.optional().catch(undefined),
  base_model: names.optional().catch(undefined),
});
const MAX_CARD = 1 << 20;

/** Reads the card; one that is missing or malformed says nothing, for a model works without it. */
export async function readModelCard(folder: string): Promise<ModelCard> {
  const text = (await hasEntry(folder, "README.md")) ? await readText(folder, "README.md", MAX_CARD) : "";
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? "";
  const card = cardSchema.safeParse(safely(() => parse(front)));
  return {
    license: card.data?.license ?? null,
    datasets: card.data?.datasets ?? [],
    baseModels: card.data?.base_model ?? [],
  };
}

function safely(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return null;
  }
}

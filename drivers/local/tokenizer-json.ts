import { z } from "zod";

/** The parts of a Hugging Face `tokenizer.json` that this house relies on; the rest is handed through. */
export const tokenizerJsonSchema = z.looseObject({
  added_tokens: z.array(
    z.looseObject({
      id: z.int().min(0),
      content: z.string(),
      special: z.boolean(),
      normalized: z.boolean(),
    }),
  ),
  model: z.looseObject({
    type: z.literal("BPE").optional(),
    vocab: z.record(z.string(), z.int().min(0)),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
});

export type TokenizerJson = z.output<typeof tokenizerJsonSchema>;

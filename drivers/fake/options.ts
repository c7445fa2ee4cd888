import { z } from "zod";

export const fakeOptions = z.strictObject({
  answers: z
    .array(
      z.strictObject({
        match: z
          .string()
          .optional()
          .describe("Part of the prompt that this answer is for; absent: any prompt."),
        texts: z
          .array(z.string())
          .min(1)
          .describe("What is answered: the first at temperature 0, otherwise one drawn by the seed."),
      }),
    )
    .default([])
    .describe("Answers in order of preference; a prompt that none is for is answered with its own words."),
  context_length: z
    .int()
    .min(16)
    .max(1 << 20)
    .default(2048)
    .describe("Tokens (bytes) of prompt and answer."),
  parallel: z.int().min(1).max(1024).default(4).describe("Answers at the same time."),
  tokens_per_second: z
    .number()
    .min(0)
    .max(1e6)
    .default(0)
    .describe("Tokens (bytes) of one answer a second; 0: as fast as the reader takes them."),
  crash_on: z
    .string()
    .optional()
    .describe("Part of an answer after which the engine pretends to have crashed."),
});

export type FakeOptions = z.output<typeof fakeOptions>;

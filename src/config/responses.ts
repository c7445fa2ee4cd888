import { z } from "zod";

/** Where `/v1/responses` keeps what it is asked to store. */
export const responsesConfig = z
  .strictObject({
    store: z
      .enum(["memory", "sqlite", "none"])
      .default("memory")
      .describe("`memory` ends with the process, `sqlite` is a file, `none` keeps nothing."),
    path: z
      .string()
      .min(1)
      .optional()
      .describe("The SQLite file; by default responses.sqlite in the cache folder."),
    max_responses: z.int().min(1).max(1_000_000).default(1000).describe("The newest that are kept."),
    max_megabytes: z.int().min(1).max(4096).default(64).describe("Memory for them; `memory` only."),
    ttl: z
      .int()
      .min(1)
      .max(10 * 365 * 24 * 3600)
      .default(30 * 24 * 3600)
      .describe("Seconds for which each is kept."),
  })
  .prefault({})
  .describe("Stored responses, for `previous_response_id` and `GET /v1/responses/{id}`.");

export type ResponsesConfig = z.output<typeof responsesConfig>;

import { z } from "zod";

/** `rate_limits` of the configuration: where the limits of `api_keys` are counted. */
export const rateLimits = z
  .strictObject({
    redis: z
      .string()
      .regex(
        /^rediss?:\/\/\S+$/,
        "a Redis address is redis://[user:password@]host[:port][/database], or rediss:// for TLS",
      )
      .optional()
      .meta({
        writeOnly: true,
        description:
          "Redis in which several gateways count together, `redis://host:6379`; by default each gateway counts for itself.",
      }),
    redis_prefix: z
      .string()
      .regex(/^[\w:.-]{1,64}$/, "a prefix has 1 to 64 letters, digits and _ : . -")
      .default("dolly")
      .describe(
        "What the names of its entries in Redis begin with; gateways with the same one count together.",
      ),
    redis_timeout: z
      .number()
      .min(0.01)
      .max(10)
      .default(0.25)
      .describe("Seconds that a request waits for Redis at most."),
    on_redis_failure: z
      .enum(["open", "closed"])
      .default("open")
      .describe(
        "While Redis does not answer: `open` counts in each gateway by itself, `closed` refuses requests of keys that have limits with a 503.",
      ),
  })
  .prefault({})
  .describe("Where the limits of api_keys are counted.");

export type RateLimits = z.output<typeof rateLimits>;

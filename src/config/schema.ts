import { z } from "zod";
import type { Driver } from "../core/driver.ts";
import { apiKeys } from "./api-keys.ts";
import { rateLimits } from "./rate-limits.ts";
import { responsesConfig } from "./responses.ts";
import { modelRouting, placementRouting, routerSettings } from "./routing.ts";
import { telemetryOptions } from "./telemetry.ts";
import { version } from "./version.ts";
import { when } from "./when.ts";
import { workers } from "./workers.ts";

/** Seconds that fit a Node timer, which turns anything longer into one millisecond. */
const LONGEST_TIMER = Math.floor((2 ** 31 - 1) / 1000);

const seconds = () => z.number().min(0).max(LONGEST_TIMER);

/** What a client writes in `model`; also safe in a URL's path and in a log line. */
const modelName = z
  .string()
  .regex(
    /^[A-Za-z0-9][\w.:/@+-]{0,127}$/,
    "a model name has 1 to 128 letters, digits and . _ : / @ + -, a letter or digit first",
  );

const parameters = z
  .strictObject({
    temperature: z
      .number()
      .min(0)
      .max(2)
      .describe("0 takes the most likely token; 1 leaves the model's distribution."),
    top_p: z
      .number()
      .gt(0)
      .max(1)
      .describe("Keeps the likeliest tokens that together have this probability; 1 turns it off."),
    top_k: z.int().min(0).describe("Keeps this many of the likeliest tokens; 0 turns it off."),
    min_p: z
      .number()
      .min(0)
      .max(1)
      .describe("Drops tokens less likely than this share of the likeliest; 0 turns it off."),
    presence_penalty: z
      .number()
      .min(-2)
      .max(2)
      .describe("Subtracted once from tokens that were generated before; 0 turns it off."),
    frequency_penalty: z
      .number()
      .min(-2)
      .max(2)
      .describe("Subtracted for each time a token was generated before; 0 turns it off."),
    max_tokens: z.int().min(1).describe("Most tokens of an answer."),
  })
  .partial()
  .default({})
  .describe("Sampling defaults for requests that say nothing; what is not set here is the template's.");

function placement(drivers: readonly Driver[]) {
  const [first, ...rest] = drivers.map(({ name, about, options }) =>
    options.safeExtend({ driver: z.literal(name).describe(about), ...placementRouting, when }),
  );
  if (first === undefined) throw new TypeError("a config schema needs at least one driver");
  return z.discriminatedUnion("driver", [first, ...rest]);
}

/**
 * The one schema of the configuration; each driver brings the options of its placements.
 * Every default of the gateway itself stands here.
 */
export function configSchema(drivers: readonly Driver[], templates: readonly string[]) {
  const model = z.strictObject({
    aliases: z.array(modelName).default([]).describe("Other names for the model."),
    instruct_aliases: z
      .array(modelName)
      .optional()
      .describe(
        "Names under which /v1/completions takes the prompt as an instruction; by default `<name>-instruct`.",
      ),
    template: z
      .enum(templates)
      .optional()
      .describe("Prompt template; by default chosen from the control tokens of the model's tokenizer."),
    multi_turn: z
      .enum(["stacked", "folded", "single"])
      .default("stacked")
      .describe(
        "How earlier turns are told: `stacked` as training records one after the other, `folded` inside the instruction, `single` not at all.",
      ),
    truncate_history: z
      .boolean()
      .default(false)
      .describe("Drop the oldest turns when the context is full, where it would be an error otherwise."),
    max_model_len: z
      .int()
      .min(2)
      .optional()
      .describe("Most tokens of prompt and answer together; by default the model's own context."),
    parameters,
    request_timeout: seconds()
      .default(600)
      .describe("Seconds after which an answer ends where it stands, with finish_reason `length`; 0: never."),
    preload: z.boolean().default(false).describe("Load at start, not at the first request."),
    ttl: seconds()
      .default(0)
      .describe("Seconds without a request after which the model is unloaded; 0: never."),
    max_logprobs: z
      .int()
      .min(0)
      .max(20)
      .default(5)
      .describe(
        "Most alternatives to a token that `logprobs` of /v1/completions may ask for; OpenAI's limit is 5.",
      ),
    ...modelRouting,
    placements: z
      .array(placement(drivers))
      .min(1, "a model needs at least one placement")
      .describe(
        "Ways to run the model; which one a request gets is the routing strategy's, by default the first that can.",
      ),
  });
  return z
    .strictObject({
      version,
      host: z
        .string()
        .min(1)
        .default("127.0.0.1")
        .describe("Address to listen on; 0.0.0.0 for all. Overridden by DOLLY_HOST."),
      port: z
        .int()
        .min(0)
        .max(65535)
        .default(8000)
        .describe("Port to listen on; 0 for any free one. Overridden by DOLLY_PORT."),
      workers,
      cache_dir: z
        .string()
        .min(1)
        .optional()
        .describe(
          "Folder for converted models; by default in the user's cache folder. Overridden by DOLLY_CACHE.",
        ),
      log_level: z
        .enum(["debug", "info", "warn", "error", "silent"])
        .default("info")
        .describe("Least severe entries that are logged. Overridden by DOLLY_LOG_LEVEL."),
      default_model: z
        .string()
        .optional()
        .describe("Model for requests that name none; by default they are an error."),
      shutdown_grace: seconds()
        .default(30)
        .describe("Seconds that running requests have to finish after SIGTERM."),
      admin_key: z.string().min(1).optional().meta({
        writeOnly: true,
        description:
          "Key for the /admin endpoints, as a bearer token; without one they answer to this machine only. Keep it out of the file: name an environment variable.",
      }),
      api_keys: apiKeys,
      rate_limits: rateLimits,
      router_settings: routerSettings,
      watch_config: z
        .boolean()
        .default(true)
        .describe(
          "Apply the file when it changes. SIGHUP and POST /admin/reload do so in any case; a wrong file is refused and changes nothing.",
        ),
      ...telemetryOptions,
      client_stall_timeout: seconds()
        .gt(0)
        .default(30)
        .describe("Seconds after which a stream is cut whose reader takes nothing."),
      responses: responsesConfig,
      models: z
        .record(modelName, model)
        .refine((models) => Object.keys(models).length > 0, "at least one model is needed")
        .describe("Models by the name that clients use."),
    })
    .describe("Configuration of dolly-gateway.");
}

export type Config = z.output<ReturnType<typeof configSchema>>;
export type ModelConfig = Config["models"][string];

/** JSON schema of what may be written in the file, for editors. */
export function configJsonSchema(schema: ReturnType<typeof configSchema>): object {
  return z.toJSONSchema(schema, { io: "input" });
}

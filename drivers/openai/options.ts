import { z } from "zod";

export const ENGINES = ["vllm", "llama-server", "tgi", "openai", "dolly-gateway"] as const;
export type EngineKind = (typeof ENGINES)[number];

/** Seconds that fit a Node timer. */
const LONGEST_TIMER = Math.floor((2 ** 31 - 1) / 1000);
const seconds = (usual: number) => z.number().gt(0).max(LONGEST_TIMER).default(usual);

/** The driver's part of the configuration; every default of the driver stands here. */
export const openaiOptions = z.strictObject({
  api_base: z
    .url({
      protocol: /^https?$/,
      error: "it must be an http:// or https:// URL, such as http://127.0.0.1:8000/v1",
    })
    .describe("Where the engine's OpenAI API begins, such as http://127.0.0.1:8000/v1."),
  api_key: z
    .string()
    .min(1)
    .optional()
    .describe("Sent as a bearer token. Keep it out of the file: name an environment variable."),
  engine: z.enum(ENGINES).optional().describe("What kind of engine it is; by default it is asked."),
  model: z
    .string()
    .min(1)
    .optional()
    .describe("The engine's own name of the model; by default the first that it lists."),
  tokenizer: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Folder of the model's tokenizer.json and config.json, such as its checkpoint; by default Dolly v2's own tokenizer, which comes with the gateway.",
    ),
  context_length: z
    .int()
    .min(2)
    .optional()
    .describe("Most tokens of prompt and answer together; by default what the engine says, or config.json."),
  parallel: z
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .describe("Requests that it gets at the same time; others wait here."),
  max_queue: z
    .int()
    .min(0)
    .max(100_000)
    .default(256)
    .describe("Requests that may wait; more are refused as overload."),
  queue_timeout: seconds(60).describe("Seconds that a request waits before it is refused."),
  connect_timeout: seconds(5).describe("Seconds to connect."),
  first_token_timeout: seconds(120).describe("Seconds until its answer begins."),
  metrics: z
    .strictObject({
      path: z
        .string()
        .startsWith("/")
        .default("/metrics")
        .describe("Where the engine's Prometheus metrics are."),
      key: z.string().min(1).optional().describe("Bearer token for them; by default api_key."),
      interval: z
        .number()
        .min(0)
        .max(3600)
        .default(1)
        .describe("Seconds between two looks at them, while the engine is in use; 0: never."),
      queued_requests: z
        .string()
        .min(1)
        .optional()
        .describe("Metric that counts the waiting requests; by default the engine's own."),
      kv_usage: z
        .string()
        .min(1)
        .optional()
        .describe("Metric of how full the KV cache is, 0 to 1; by default the engine's own."),
    })
    .prefault({})
    .describe("What the engine says of its load, for the choice between engines."),
  token_timeout: seconds(60).describe("Seconds without anything new while it answers."),
});

export type OpenaiOptions = z.output<typeof openaiOptions>;

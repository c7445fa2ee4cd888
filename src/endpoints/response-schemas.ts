/** JSON schemas of the 200 bodies, for the OpenAPI document. What the code sends is typed by the `openai` package. */

const string = { type: "string" };
const integer = { type: "integer" };
const nullable = (schema: object) => ({ anyOf: [schema, { type: "null" }] });
const object = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []) => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const list = (items: object) => ({ type: "array", items });
const finishReason = { enum: ["stop", "length"] };

const usage = object({
  prompt_tokens: integer,
  completion_tokens: integer,
  total_tokens: integer,
  prompt_tokens_details: object({ cached_tokens: integer }),
  completion_tokens_details: object({ reasoning_tokens: integer }),
});

const head = (kind: string) => ({
  id: string,
  object: { const: kind },
  created: integer,
  model: string,
  system_fingerprint: string,
});

const tokenLogprob = { token: string, logprob: { type: "number" }, bytes: list(integer) };

const calledFunction = object({ name: string, arguments: string });

export const chatCompletionResponse = object({
  ...head("chat.completion"),
  choices: list(
    object({
      index: integer,
      message: object(
        {
          role: { const: "assistant" },
          content: nullable(string),
          refusal: { type: "null" },
          tool_calls: list(object({ id: string, type: { const: "function" }, function: calledFunction })),
          function_call: calledFunction,
        },
        ["tool_calls", "function_call"],
      ),
      logprobs: nullable(
        object({
          content: list(object({ ...tokenLogprob, top_logprobs: list(object(tokenLogprob)) })),
          refusal: { type: "null" },
        }),
      ),
      finish_reason: { enum: ["stop", "length", "tool_calls", "function_call"] },
    }),
  ),
  usage,
});

export const completionResponse = object({
  ...head("text_completion"),
  choices: list(
    object({
      index: integer,
      text: string,
      logprobs: nullable(
        object({
          tokens: list(string),
          token_logprobs: list(nullable({ type: "number" })),
          top_logprobs: list(nullable({ type: "object", additionalProperties: { type: "number" } })),
          text_offset: list(integer),
        }),
      ),
      finish_reason: finishReason,
    }),
  ),
  usage,
});

export const modelResponse = object({
  id: string,
  object: { const: "model" },
  created: integer,
  owned_by: string,
  license: nullable(string),
  base_model: nullable(string),
  limitations: nullable(string),
  template: string,
  context_length: nullable(integer),
  driver: nullable(string),
  defaults: { type: "object", additionalProperties: nullable({ type: "number" }) },
  precision: nullable(string),
});

export const modelListResponse = object({ object: { const: "list" }, data: list(modelResponse) });

/** Of several processes on one port, which one it is said of, from 1 on; absent where there is one only. */
const worker = { type: "integer", description: "Of several workers, which one; absent where there is one." };

export const adminModelResponse = object({
  id: string,
  object: { const: "admin.model" },
  placements: list(
    object(
      {
        id: string,
        worker,
        driver: string,
        state: {
          enum: ["unloaded", "loading", "ready", "restarting", "unavailable", "unloading", "failed"],
        },
        progress: nullable({ type: "number" }),
        precision: nullable(string),
        context_length: nullable(integer),
        memory_bytes: nullable(integer),
        slots: nullable(object({ total: integer, busy: integer })),
        kv_usage: nullable({ type: "number" }),
        queued_requests: integer,
        restarts: integer,
      },
      ["worker"],
    ),
  ),
});

export const adminModelListResponse = object({
  object: { const: "list" },
  data: list(adminModelResponse),
});

const names = list(string);
const differences = object({ added: names, removed: names, changed: names });

export const adminReloadResponse = object({
  object: { const: "admin.reload" },
  generation: integer,
  models: differences,
  keys: differences,
  restart_required: names,
});

export const adminConfigResponse = object({
  object: { const: "admin.config" },
  source: string,
  generation: integer,
  applied_at: integer,
  reloads: object({ applied: integer, unchanged: integer, refused: integer }),
  refusal: nullable(object({ at: integer, trigger: { enum: ["file", "signal", "admin"] }, message: string })),
  restart_required: names,
  keys: list(
    object({
      name: string,
      models: nullable(names),
      rpm: nullable(integer),
      tpm: nullable(integer),
      max_parallel_requests: nullable(integer),
      priority: integer,
    }),
  ),
  limits: object({
    store: { enum: ["process", "redis"] },
    reachable: nullable({ type: "boolean" }),
    failures: integer,
  }),
});

export const renderedResponse = object({ prompt: string, prompt_token_ids: list(integer) });

export const renderedListResponse = { anyOf: [renderedResponse, list(renderedResponse)] };

export const tokenizedResponse = object({
  count: integer,
  max_model_len: integer,
  tokens: list(integer),
  token_strs: nullable(list(string)),
});

export const detokenizedResponse = object({ prompt: string });

export const tokenizerInfoResponse = object({
  tokenizer_class: string,
  bos_token: nullable(string),
  eos_token: nullable(string),
  unk_token: nullable(string),
  add_bos_token: { const: false },
  model_max_length: integer,
  vocab_size: integer,
  additional_special_tokens: list(string),
  chat_template: { type: "null" },
});

export const adminRouteListResponse = object({
  object: { const: "list" },
  data: list(
    object({
      id: string,
      object: { const: "admin.route" },
      routing_strategy: string,
      session_affinity: { type: "boolean" },
      fallbacks: names,
      context_window_fallbacks: names,
      retries_left: integer,
      hedging_ms: nullable({ type: "number" }),
      placements: list(
        object(
          {
            id: string,
            worker,
            driver: string,
            weight: { type: "number" },
            state: string,
            circuit: { enum: ["closed", "open", "half_open"] },
            tried_again_at: nullable(integer),
            in_flight: integer,
            engine_waiting: nullable(integer),
            kv_usage: nullable({ type: "number" }),
            first_token_ms: nullable(integer),
            requests: integer,
            failures: integer,
            last_failure: nullable(object({ at: integer, code: string, message: string })),
          },
          ["worker"],
        ),
      ),
    }),
  ),
});

export const propsResponse = object({
  default_generation_settings: object({ n_ctx: integer, params: { type: "object" } }),
  total_slots: integer,
  model_alias: string,
  model_path: string,
  role: { const: "model" },
  modalities: { type: "object" },
  chat_template: string,
});

export const statusResponse = object({ status: string });

export const errorSchema = object({
  error: object({ message: string, type: string, param: nullable(string), code: nullable(string) }),
});

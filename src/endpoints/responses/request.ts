import { type output, z } from "zod";
import type { Model } from "../../core/driver.ts";
import type { Constraint, GenerationRequest } from "../../core/generation.ts";
import { GatewayError } from "../../errors.ts";
import type { Route } from "../../routing/route.ts";
import { documentsSchema, referenceDocuments } from "../chat-messages.ts";
import { commonParameters, endingOf, optional, samplingOf, text } from "../common-parameters.ts";
import { conversationGeneration } from "../conversation-request.ts";
import { accompanying, equals, isEmpty, never, type ParameterRules, refused } from "../parameter-rules.ts";
import { answerConstraint, jsonSchema, OBJECT, schemaName } from "../structured-output.ts";
import { functionName, functionShape, parallelSchema, toolType } from "../tools/parameters.ts";
import { type Choice, type ToolUse, toolUse } from "../tools/tool-use.ts";
import { type Item, inputSchema, itemMessages } from "./input.ts";

const MOST_TOOLS = 128;
const tool = z.object({ type: toolType, ...functionShape.shape });
const namedTool = z.object({ type: toolType, name: functionName });

const format = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    name: schemaName,
    description: optional(z.string()),
    schema: jsonSchema,
    strict: optional(z.boolean()),
  }),
]);

const LOGPROBS = "message.output_text.logprobs";
const includable = z.string().refine((name) => name === LOGPROBS || name === "reasoning.encrypted_content", {
  message: `only '${LOGPROBS}' can be included`,
  params: { code: "unsupported_parameter" },
});

const MOST_METADATA = 16;

/** Body of `POST /v1/responses`. */
export const responseSchema = z.object({
  model: optional(z.string()).describe("Name or alias of a model; required unless the server has a default."),
  input: inputSchema,
  instructions: optional(text()).describe("System text for this response; not carried on to the next."),
  previous_response_id: optional(z.string()).describe(
    "A stored response, whose conversation this one continues.",
  ),
  store: optional(z.boolean()).describe("Keep the response; true by default."),
  stream: optional(z.boolean()).describe("Send the response as server-sent events."),
  temperature: commonParameters.temperature,
  top_p: commonParameters.top_p,
  presence_penalty: commonParameters.presence_penalty,
  frequency_penalty: commonParameters.frequency_penalty,
  top_logprobs: optional(z.int().min(0).max(20)).describe(`Needs '${LOGPROBS}' in 'include'.`),
  include: optional(z.array(includable).max(8)).describe(`'${LOGPROBS}' adds log-probabilities.`),
  max_output_tokens: optional(z.int().min(1)).describe("Most tokens of the response."),
  text: optional(z.object({ format: optional(format), verbosity: optional(z.literal("medium")) })).describe(
    "`format`: what the text must be; a schema is always enforced in full, or refused.",
  ),
  tools: optional(z.array(tool).max(MOST_TOOLS)).describe("Functions that the answer may call."),
  tool_choice: optional(
    z.union([
      z.enum(["none", "auto", "required"]),
      namedTool,
      z.object({
        type: z.literal("allowed_tools"),
        mode: z.enum(["auto", "required"]),
        tools: z.array(namedTool).min(1).max(MOST_TOOLS),
      }),
    ]),
  ).describe("`required` and a named function always give a call; `auto` leaves it to the model."),
  parallel_tool_calls: parallelSchema,
  truncation: optional(z.enum(["auto", "disabled"])).describe(
    "`auto` drops the oldest turns where the context is full.",
  ),
  metadata: optional(z.record(z.string().max(64), z.string().max(512)))
    .refine(
      (value) => Object.keys(value ?? {}).length <= MOST_METADATA,
      `it may have at most ${MOST_METADATA} entries`,
    )
    .describe("Kept with the response."),
  documents: documentsSchema,
});

export type ResponseBody = output<typeof responseSchema>;

const asksNoReasoning = (value: unknown): boolean =>
  isEmpty(value) ||
  (typeof value === "object" && Object.values(value ?? {}).every((one) => one === null || one === "none"));

export const responseRules: ParameterRules = {
  accepted: {
    ...accompanying,
    max_tool_calls: "No effect: it limits OpenAI's built-in tools.",
    stream_options: "No effect: the last event of a response has its usage anyway.",
  },
  refused: {
    background: refused(equals(false), "Responses are made while their client waits."),
    conversation: refused(never, "`previous_response_id` goes on from a stored response."),
    prompt: refused(never, "Prompts stored at OpenAI are not here."),
    reasoning: refused(asksNoReasoning, "The family does not reason before it answers."),
    context_management: refused(isEmpty, "`truncation` drops the oldest turns."),
    moderation: refused(isEmpty, "Nothing is moderated."),
    messages: refused(never, "Of `/v1/chat/completions`; here it is `input`."),
    n: refused(equals(1), "A response has one answer."),
    max_tokens: refused(never, "Here it is `max_output_tokens`."),
  },
};

/** What the answer may do with functions. Throws GatewayError. */
export function responseToolUse({
  tools = [],
  tool_choice,
  parallel_tool_calls,
}: ResponseBody): ToolUse | undefined {
  const offered = tools.map((one, index) => ({ ...one, param: `tools[${index}]` }));
  return toolUse(offered, choiceOf(tool_choice), {
    parallel: parallel_tool_calls ?? false,
    param: "tool_choice",
  });
}

function choiceOf(choice: ResponseBody["tool_choice"]): Choice | undefined {
  if (choice === undefined) return undefined;
  if (typeof choice === "string") return { mode: choice };
  if ("name" in choice) return { mode: "named", name: choice.name };
  return { mode: choice.mode, among: choice.tools.map(({ name }) => name) };
}

function formatConstraint(format: NonNullable<ResponseBody["text"]>["format"]): Constraint | undefined {
  if (format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object") {
    return { type: "json_schema", param: "text.format", schema: OBJECT, ordered: false };
  }
  const { schema, strict = false } = format;
  return { type: "json_schema", param: "text.format.schema", schema, ordered: strict };
}

export const wantsLogprobs = ({ include = [] }: ResponseBody): boolean => include.includes(LOGPROBS);

/** Throws GatewayError where parameters contradict each other. */
export function checkResponse(body: ResponseBody): void {
  if ((body.top_logprobs ?? 0) === 0 || wantsLogprobs(body)) return;
  throw new GatewayError(
    "invalid_value",
    `'top_logprobs' is only allowed when 'include' has '${LOGPROBS}'.`,
    {
      param: "top_logprobs",
    },
  );
}

/** The generation that a response asks of a model. `items`: the whole conversation. Throws GatewayError. */
export function responseGeneration(
  body: ResponseBody,
  items: readonly Item[],
  parts: { readonly route: Route; readonly tenant: string; readonly model: Model },
): GenerationRequest {
  const tools = responseToolUse(body);
  const { instructions } = body;
  const system = instructions === undefined ? [] : [{ role: "system" as const, content: instructions }];
  return conversationGeneration(
    {
      messages: [...system, ...itemMessages(items, "input")],
      documents: referenceDocuments(body.documents),
      tools,
      choices: 1,
      maxTokens: body.max_output_tokens,
      sampling: samplingOf(
        {
          temperature: body.temperature,
          top_p: body.top_p,
          presence_penalty: body.presence_penalty,
          frequency_penalty: body.frequency_penalty,
        },
        parts.route.defaults,
        parts.model,
      ),
      ending: (own) => endingOf({}, own),
      keep: undefined,
      promptLogprobs: null,
      stopStrings: [],
      constraint: answerConstraint(formatConstraint(body.text?.format), tools),
      logprobs: wantsLogprobs(body) ? (body.top_logprobs ?? 0) : null,
      priority: undefined,
      truncate: body.truncation === undefined ? undefined : body.truncation === "auto",
      param: "input",
    },
    parts,
  );
}

import type { Tool } from "openai/resources/responses/responses";
import { stripped } from "../../core/strip.ts";
import type { GenerationDefaults } from "../../core/template.ts";
import { GatewayError } from "../../errors.ts";
import type { ResolvedRoute } from "../../routing/route.ts";
import { defineDelete, defineGet, definePost } from "../define-endpoint.ts";
import type { EndpointContext, EndpointReply, EndpointRequest } from "../endpoint.ts";
import { withFallbacks } from "../fallbacks.ts";
import { ServedGeneration } from "../served-generation.ts";
import { type AnswerOptions, type ResponseObject, responseEvents, wholeResponse } from "./answer.ts";
import { type Item, inputItems } from "./input.ts";
import {
  checkResponse,
  type ResponseBody,
  responseGeneration,
  responseRules,
  responseSchema,
  responseToolUse,
  wantsLogprobs,
} from "./request.ts";
import { deletedResponse, itemListResponse, responseResponse } from "./schemas.ts";
import { conversationUpTo, type StoredResponse } from "./store.ts";

export const createResponse = definePost({
  path: "/v1/responses",
  summary: "Answer as OpenAI's Responses API does",
  body: responseSchema,
  rules: responseRules,
  response: responseResponse,
  async handle(request, context) {
    const { body } = request;
    checkResponse(body);
    return withFallbacks(context.services, body.model, (resolved) => reply(resolved, request, context));
  },
});

async function reply(
  { route }: ResolvedRoute,
  request: EndpointRequest<ResponseBody>,
  context: EndpointContext,
): Promise<EndpointReply> {
  const { body, signal, tenant } = request;
  const tools = responseToolUse(body);
  const { responses } = context;
  const input = inputItems(body.input, {
    newId: context.newId,
    find: (id) => responses.item(tenant, id),
  });
  const conversation = [...earlierItems(body, request, context), ...input];
  const served = new ServedGeneration(route, "chat", context, request);
  const raw = served.generate(
    (model) => responseGeneration(body, conversation, { route, tenant, model }),
    () => JSON.stringify(conversation),
    signal,
  );
  const events = route.template.strip ? stripped(raw) : raw;
  const head = served.head("resp_");
  const options: AnswerOptions = {
    tools,
    logprobs: wantsLogprobs(body),
    newId: context.newId,
    head: () => {
      const { id, created, model } = head();
      return emptyResponse(body, { id, created_at: created, model }, route.defaults);
    },
    onEnd(response) {
      response.completed_at = context.now();
      if (body.store ?? true) responses.put(tenant, { response, input, output: outputItems(response) });
    },
  };
  return body.stream
    ? { kind: "events", named: true, events: responseEvents(events, options) }
    : { kind: "json", body: await wholeResponse(events, options) };
}

function earlierItems(
  { previous_response_id: id }: ResponseBody,
  { tenant }: Pick<EndpointRequest<unknown>, "tenant">,
  { responses }: EndpointContext,
): readonly Item[] {
  if (id === undefined) return [];
  const items = conversationUpTo(responses, tenant, id);
  if (items !== undefined) return items;
  const message = `The response '${id}', or one before it, is not stored here.`;
  throw new GatewayError("previous_response_not_found", message, { param: "previous_response_id" });
}

/** A response before anything is answered. */
function emptyResponse(
  body: ResponseBody,
  served: Pick<ResponseObject, "id" | "created_at" | "model">,
  defaults: GenerationDefaults,
): ResponseObject {
  const { tools = [], tool_choice = "auto", text } = body;
  return {
    ...served,
    object: "response",
    status: "in_progress",
    background: false,
    completed_at: null,
    error: null,
    frequency_penalty: body.frequency_penalty ?? defaults.frequencyPenalty,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: null,
    metadata: body.metadata ?? {},
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? false,
    presence_penalty: body.presence_penalty ?? defaults.presencePenalty,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: null,
    reasoning: { effort: null, summary: null },
    safety_identifier: null,
    service_tier: "default",
    store: body.store ?? true,
    temperature: body.temperature ?? defaults.temperature,
    text: { format: shownFormat(text?.format), verbosity: "medium" },
    tool_choice: shownChoice(tool_choice),
    tools: tools.map(
      ({ name, description, parameters, strict }): Tool => ({
        type: "function",
        name,
        description: description ?? null,
        parameters: parameters ?? null,
        strict: strict ?? false,
      }),
    ),
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? defaults.topP,
    truncation: body.truncation ?? "disabled",
    usage: null,
  };
}

type TextFormat = NonNullable<NonNullable<ResponseObject["text"]>["format"]>;

function shownFormat(format: NonNullable<ResponseBody["text"]>["format"]): TextFormat {
  if (format === undefined || format.type !== "json_schema") return format ?? { type: "text" };
  const { type, name, description, schema, strict = false } = format;
  return {
    type,
    name,
    schema: typeof schema === "boolean" ? {} : schema,
    strict,
    ...(description === undefined ? {} : { description }),
  };
}

function shownChoice(choice: NonNullable<ResponseBody["tool_choice"]>): ResponseObject["tool_choice"] {
  if (typeof choice === "string") return choice;
  if ("name" in choice) return { type: "function", name: choice.name };
  return {
    type: choice.type,
    mode: choice.mode,
    tools: choice.tools.map(({ name }) => ({ type: "function", name })),
  };
}

/** What was answered, as items of the conversation that goes on. */
const outputItems = ({ output }: ResponseObject): Item[] =>
  output.flatMap((item): Item[] => {
    const status = "status" in item && item.status === "incomplete" ? "incomplete" : "completed";
    if (item.type === "message") {
      const content = item.content.flatMap((part) =>
        part.type === "output_text" ? [{ type: part.type, text: part.text }] : [],
      );
      return [{ type: "message", id: item.id, status, role: "assistant", content }];
    }
    if (item.type !== "function_call") return [];
    const { type, id = "", call_id, name } = item;
    return [{ type, id, status, call_id, name, arguments: item.arguments }];
  });

function storedResponse(
  { params, tenant }: EndpointRequest<unknown>,
  { responses }: EndpointContext,
): StoredResponse {
  const id = params["response_id"] ?? "";
  const stored = responses.get(tenant, id);
  if (stored !== undefined) return stored;
  throw new GatewayError("response_not_found", `There is no stored response '${id.slice(0, 100)}'.`, {
    param: "response_id",
  });
}

export const retrieveResponse = defineGet({
  path: "/v1/responses/{response_id}",
  summary: "Give a stored response",
  response: responseResponse,
  async handle(request, context) {
    return { kind: "json", body: storedResponse(request, context).response };
  },
});

export const deleteResponse = defineDelete({
  path: "/v1/responses/{response_id}",
  summary: "Forget a stored response",
  response: deletedResponse,
  async handle(request, context) {
    const { id } = storedResponse(request, context).response;
    context.responses.delete(request.tenant, id);
    return { kind: "json", body: { id, object: "response", deleted: true } };
  },
});

const LARGEST_PAGE = 100;
const USUAL_PAGE = 20;

export const listInputItems = defineGet({
  path: "/v1/responses/{response_id}/input_items",
  summary: "List what a stored response was asked from",
  query: {
    limit: { type: "integer", minimum: 1, maximum: LARGEST_PAGE, default: USUAL_PAGE },
    order: { enum: ["asc", "desc"], default: "desc" },
    after: { type: "string" },
  },
  response: itemListResponse,
  async handle(request, context) {
    const { query } = request;
    const { input } = storedResponse(request, context);
    const limit = Number(query.get("limit") ?? USUAL_PAGE);
    if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE) {
      throw invalidQuery("limit", `it must be a whole number from 1 to ${LARGEST_PAGE}`);
    }
    const order = query.get("order") ?? "desc";
    if (order !== "asc" && order !== "desc") throw invalidQuery("order", "it must be asc or desc");
    const items = order === "asc" ? input : input.toReversed();
    const after = query.get("after");
    const at = after === null ? -1 : items.findIndex(({ id }) => id === after);
    if (after !== null && at < 0) throw invalidQuery("after", "there is no such item");
    const data = items.slice(at + 1, at + 1 + limit);
    const has_more = at + 1 + limit < items.length;
    const [first_id, last_id] = [data.at(0)?.id ?? null, data.at(-1)?.id ?? null];
    return { kind: "json", body: { object: "list", data, first_id, last_id, has_more } };
  },
});

const invalidQuery = (param: string, reason: string): GatewayError =>
  new GatewayError("invalid_value", `Invalid value for '${param}': ${reason}.`, { param });

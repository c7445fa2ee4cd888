/** JSON schemas of the Responses API's 200 bodies, for the OpenAPI document. */

const string = { type: "string" };
const integer = { type: "integer" };
const nullable = (schema: object) => ({ anyOf: [schema, { type: "null" }] });
const list = (items: object) => ({ type: "array", items });

const item = {
  type: "object",
  properties: { type: string, id: string, status: string },
  required: ["type", "id", "status"],
};

export const responseResponse = {
  type: "object",
  properties: {
    id: string,
    object: { const: "response" },
    created_at: integer,
    status: { enum: ["completed", "incomplete"] },
    model: string,
    output: list(item),
    error: { type: "null" },
    incomplete_details: nullable({ type: "object", properties: { reason: string } }),
    previous_response_id: nullable(string),
    instructions: nullable(string),
    metadata: { type: "object" },
    tools: list({ type: "object" }),
    presence_penalty: { type: "number" },
    frequency_penalty: { type: "number" },
    store: { type: "boolean" },
    usage: {
      type: "object",
      properties: { input_tokens: integer, output_tokens: integer, total_tokens: integer },
      required: ["input_tokens", "output_tokens", "total_tokens"],
    },
  },
  required: ["id", "object", "created_at", "status", "model", "output", "store", "usage"],
};

export const deletedResponse = {
  type: "object",
  properties: { id: string, object: { const: "response" }, deleted: { const: true } },
  required: ["id", "object", "deleted"],
};

export const itemListResponse = {
  type: "object",
  properties: {
    object: { const: "list" },
    data: list(item),
    first_id: nullable(string),
    last_id: nullable(string),
    has_more: { type: "boolean" },
  },
  required: ["object", "data", "first_id", "last_id", "has_more"],
};

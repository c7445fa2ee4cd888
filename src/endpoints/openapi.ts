import { z } from "zod";
import { defineGet } from "./define-endpoint.ts";
import type { Endpoint } from "./endpoint.ts";
import { fieldsOf } from "./fields.ts";
import { errorSchema } from "./response-schemas.ts";

/** The endpoint that serves the document of `endpoints` and of itself. */
export function openApiEndpoint(endpoints: readonly Endpoint[]): Endpoint {
  const endpoint = defineGet({
    path: "/openapi.json",
    summary: "This document",
    response: { type: "object" },
    async handle() {
      return { kind: "json", body: document };
    },
  });
  const document = openApi([...endpoints, endpoint]);
  return endpoint;
}

/** The OpenAPI 3.1 document of the endpoints. */
export function openApi(endpoints: readonly Endpoint[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method]: operation(endpoint) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "dolly-gateway",
      version: "1",
      summary: "OpenAI-compatible API for Databricks' Dolly v2 family",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: { schemas: { Error: errorSchema } },
  };
}

const json = (schema: object) => ({ "application/json": { schema } });

function operation({ method, path, summary, body, rules, query, response, streams, text }: Endpoint): object {
  const events = { "text/event-stream": { schema: { type: "string" } } };
  const named = Object.entries(query).map(([name, schema]) => ({ name, in: "query", schema }));
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const parameters = [...inPath, ...named];
  return {
    operationId: operationId(method, path),
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === null ? {} : { requestBody: { required: true, content: json(bodySchema({ body, rules })) } }),
    responses: {
      "200": {
        description: "Success",
        content: text ? plain : { ...json(response), ...(streams ? events : {}) },
      },
      default: { description: "Failure", content: json({ $ref: "#/components/schemas/Error" }) },
    },
  };
}

const plain = { "text/plain": { schema: { type: "string" } } };

const operationId = (method: string, path: string): string =>
  [method, ...(path.match(/\w+/g) ?? [])].join("_");

/** The body's schema, with the fields beside it: what is refused may only be null. */
function bodySchema(endpoint: { body: z.ZodType; rules: Endpoint["rules"] | undefined }): object {
  const { $schema: _dialect, properties = {}, ...schema } = z.toJSONSchema(endpoint.body, { io: "input" });
  const others = fieldsOf(endpoint)
    .filter(({ fate }) => fate !== "honoured")
    .map(({ name, fate, about, schema }) => {
      const description = fate === "refused" ? `Refused by name: ${about}` : about;
      return [name, { ...schema, description }] as const;
    });
  return { ...schema, properties: { ...properties, ...Object.fromEntries(others) } };
}

import { ZodObject, type ZodType } from "zod";
import { GatewayError } from "../errors.ts";
import type { BodilessDefinition, Endpoint, EndpointReply, PostDefinition } from "./endpoint.ts";
import { ignoredNames, refuseUnsupported } from "./parameter-rules.ts";
import { requestError } from "./request-error.ts";
import { sessionIn } from "./session.ts";

/** Names the body's unknown fields, which had no effect. */
export const IGNORED_HEADER = "x-ignored-parameters";

export const defineGet = (definition: BodilessDefinition): Endpoint => bodiless("get", definition);

/** A POST whose path says everything; a body is not read. */
export const defineAction = (definition: BodilessDefinition): Endpoint => bodiless("post", definition);

export const defineDelete = (definition: BodilessDefinition): Endpoint => bodiless("delete", definition);

const bodiless = (method: "get" | "post" | "delete", definition: BodilessDefinition): Endpoint => ({
  admin: false,
  query: {},
  ...definition,
  method,
  body: null,
  streams: false,
});

/** An endpoint that parses its body before it is handled, may stream, and says which fields were ignored. */
export function definePost<Body extends ZodType>(definition: PostDefinition<Body>): Endpoint {
  const { path, summary, body: schema, rules, response, streams = true } = definition;
  const known = schema instanceof ZodObject ? Object.keys(schema.shape) : [];
  return {
    method: "post",
    path,
    summary,
    body: schema,
    rules,
    query: {},
    response,
    streams,
    admin: false,
    async handle(request, context) {
      const { body } = request;
      if (typeof body !== "object" || body === null || Array.isArray(body)) {
        throw new GatewayError("invalid_value", "The body must be a JSON object.");
      }
      refuseUnsupported(body, rules);
      const parsed = schema.safeParse(body);
      if (!parsed.success) throw requestError(parsed.error, body);
      const session = request.session ?? sessionIn(body);
      const reply = await definition.handle({ ...request, session, body: parsed.data }, context);
      return withIgnored(reply, ignoredNames(body, known, rules));
    },
  };
}

function withIgnored(reply: EndpointReply, ignored: readonly string[]): EndpointReply {
  if (ignored.length === 0) return reply;
  return { ...reply, headers: { ...reply.headers, [IGNORED_HEADER]: ignored.join(", ") } };
}

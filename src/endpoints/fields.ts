import { z } from "zod";
import type { Endpoint } from "./endpoint.ts";

/** A parameter of a request's body, and what becomes of it. */
export interface Field {
  readonly name: string;
  /** `accepted`: without effect on the answer; `refused`: a 400 that names it, unless it asks for nothing. */
  readonly fate: "honoured" | "accepted" | "refused";
  readonly about: string;
  /** JSON schema of what it may be. */
  readonly schema: object;
  readonly required: boolean;
}

/** Every parameter that an endpoint knows; there are none where it takes no body. */
export function fieldsOf({
  body,
  rules,
}: {
  body: z.ZodType | null;
  rules?: Endpoint["rules"] | undefined;
}): Field[] {
  if (body === null) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(body, { io: "input" });
  const honoured = Object.entries(properties).map(([name, value]): Field => {
    const schema = typeof value === "object" ? value : {};
    const { description: about = "" } = schema;
    return { name, fate: "honoured", about, schema, required: required.includes(name) };
  });
  const accepted = Object.entries(rules?.accepted ?? {}).map(
    ([name, about]): Field => ({ name, fate: "accepted", about, schema: {}, required: false }),
  );
  const refused = Object.entries(rules?.refused ?? {}).map(
    ([name, { why }]): Field => ({
      name,
      fate: "refused",
      about: why,
      schema: { type: "null" },
      required: false,
    }),
  );
  return [...honoured, ...accepted, ...refused];
}

import { type output, z } from "zod";
import type { Constraint } from "../core/generation.ts";
import { nestsDeeperThan } from "../core/json-depth.ts";
import { GatewayError } from "../errors.ts";
import { optional, text } from "./common-parameters.ts";
import { callConstraint, type ToolUse } from "./tools/tool-use.ts";

export const jsonSchema = z.union([z.record(z.string(), z.unknown()), z.boolean()]);

export const schemaName = z
  .string()
  .regex(/^[\w-]{1,64}$/, "it may have up to 64 letters, digits, '_' and '-'");

/** The whole answer, as OpenAI asks for it. */
export const responseFormat = optional(
  z.discriminatedUnion("type", [
    z.object({ type: z.literal("text") }),
    z.object({ type: z.literal("json_object") }),
    z.object({
      type: z.literal("json_schema"),
      json_schema: z.object({
        name: schemaName,
        description: optional(z.string()),
        schema: optional(jsonSchema).describe("Absent: any JSON object."),
        strict: optional(z.boolean()).describe(
          "Members also come in the order in which the schema names them.",
        ),
      }),
    }),
  ]),
).describe("What the answer must be; a schema is always enforced in full, or refused.");

const MOST_CHOICES = 1000;
/** Levels of a schema that comes as text: no more than a body may have. */
const DEEPEST = 64;

/** The whole answer, as vLLM asks for it: one of these. */
export const structuredOutputs = optional(
  z
    .strictObject({
      json: optional(z.union([jsonSchema, z.string()])).describe("A JSON Schema, or its text."),
      json_object: optional(z.boolean()).describe("true: any JSON object."),
      regex: optional(text()).describe("A regular expression that the whole answer matches."),
      choice: optional(z.array(text().min(1)).min(1).max(MOST_CHOICES)).describe(
        "The answer is one of these.",
      ),
      grammar: optional(text()).describe("A grammar in GBNF or EBNF, from its rule 'root' on."),
    })
    .refine(
      (value) => asked(value).length <= 1,
      "it may have only one of json, json_object, regex, choice and grammar",
    ),
).describe("What the answer must be; one constraint, which is always enforced in full, or refused.");

type ResponseFormat = output<typeof responseFormat>;
type StructuredOutputs = output<typeof structuredOutputs>;

const asked = (value: object): string[] =>
  Object.entries(value).flatMap(([name, wanted]) => (wanted === undefined || wanted === false ? [] : [name]));

export interface StructuredParameters {
  readonly response_format?: ResponseFormat;
  readonly structured_outputs?: StructuredOutputs;
  readonly stop?: string | readonly string[] | undefined;
}

/** Any JSON object. */
export const OBJECT = { type: "object" } as const;

/**
 * The constraint that a request asks for, as a part of its generation; `use`: the functions that its answer may call. Throws
 * GatewayError where it asks for two, or for a stop string, which would end an answer before it is complete.
 */
export function constrained(body: StructuredParameters, use?: ToolUse): { constraint?: Constraint } {
  const format = formatConstraint(body.response_format);
  const structured = structuredConstraint(body.structured_outputs);
  if (format !== undefined && structured !== undefined) {
    throw invalid(
      "structured_outputs",
      "'structured_outputs' and 'response_format' both say what the answer must be; send one of them.",
    );
  }
  return answerConstraint(format ?? structured, use, body.stop);
}

/**
 * What an answer is held to: the constraint that was asked for, a call of the functions that it may use, or either. Throws
 * GatewayError for a stop string with it, which would end an answer before it is complete.
 */
export function answerConstraint(
  asked: Constraint | undefined,
  use: ToolUse | undefined,
  stop: string | readonly string[] = [],
): { constraint?: Constraint } {
  const constraint = use === undefined ? asked : callConstraint(use, asked);
  if (constraint === undefined) return {};
  const free = constraint.type === "calls" && constraint.otherwise === "text";
  if (!free && stop.length > 0) {
    throw invalid(
      "stop",
      `'stop' cannot be combined with '${constraint.param.split(/[.[]/)[0]}': it would end an answer before it is complete.`,
    );
  }
  return { constraint };
}

const invalid = (param: string, message: string, cause?: unknown): GatewayError =>
  new GatewayError("invalid_value", message, { param, ...(cause === undefined ? {} : { cause }) });

function formatConstraint(format: ResponseFormat): Constraint | undefined {
  if (format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object") {
    return { type: "json_schema", param: "response_format", schema: OBJECT, ordered: false };
  }
  const { schema, strict } = format.json_schema;
  const param = "response_format.json_schema.schema";
  return { type: "json_schema", param, schema: schema ?? OBJECT, ordered: strict ?? false };
}

function structuredConstraint(structured: StructuredOutputs): Constraint | undefined {
  if (structured === undefined || asked(structured).length === 0) return undefined;
  const { json, regex, choice, grammar } = structured;
  const param = (name: string) => `structured_outputs.${name}`;
  if (regex !== undefined) return { type: "regex", param: param("regex"), pattern: regex };
  if (choice !== undefined) return { type: "choice", param: param("choice"), choices: choice };
  if (grammar !== undefined) return { type: "grammar", param: param("grammar"), grammar };
  const schema = json === undefined ? OBJECT : parsed(json, param("json"));
  return {
    type: "json_schema",
    param: param(json === undefined ? "json_object" : "json"),
    schema,
    ordered: false,
  };
}

function parsed(schema: unknown, param: string): unknown {
  if (typeof schema !== "string") return schema;
  if (nestsDeeperThan(Buffer.from(schema), DEEPEST))
    throw invalid(param, `Invalid value for '${param}': it nests deeper than ${DEEPEST} levels.`);
  try {
    return JSON.parse(schema);
  } catch (cause) {
    throw invalid(param, `Invalid value for '${param}': it is no JSON.`, cause);
  }
}

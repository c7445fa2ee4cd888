import { type output, z } from "zod";
import { optional, text } from "../common-parameters.ts";

const unsupported = (message: string) => ({ message, params: { code: "unsupported_parameter" } });

const MOST_TOOLS = 128;

export const functionName = z
  .string()
  .regex(/^[\w-]{1,64}$/, "it may have up to 64 letters, digits, '_' and '-'");

export const functionShape = z.object({
  name: functionName,
  description: optional(text()),
  parameters: optional(z.record(z.string(), z.unknown())).describe(
    "JSON Schema of the arguments, which are held to it; absent: none.",
  ),
  strict: optional(z.boolean()).describe("Arguments also come in the order in which the schema names them."),
});

export const toolType = z
  .string()
  .refine((type) => type === "function", unsupported("only tools of type 'function' are supported"));

export const toolsSchema = optional(
  z.array(z.object({ type: toolType, function: functionShape })).max(MOST_TOOLS),
).describe("Functions that the answer may call; the model sees them in its instruction.");

const namedTool = z.object({ type: toolType, function: z.object({ name: functionName }) });
const mode = z.enum(["none", "auto", "required"]);

export const toolChoiceSchema = optional(
  z.union([
    mode,
    namedTool,
    z.object({
      type: z.literal("allowed_tools"),
      allowed_tools: z.object({
        mode: z.enum(["auto", "required"]),
        tools: z.array(namedTool).min(1).max(MOST_TOOLS),
      }),
    }),
  ]),
).describe("`required` and a named function always give a call; `auto` leaves it to the model.");

export const functionsSchema = optional(z.array(functionShape).max(MOST_TOOLS)).describe(
  "`tools` as they were before; the answer has `function_call`.",
);

export const functionCallSchema = optional(
  z.union([z.enum(["none", "auto"]), z.object({ name: functionName })]),
).describe("`tool_choice` as it was before.");

export const parallelSchema = optional(z.boolean()).describe(
  "true: up to 8 calls in an answer; else one, for Dolly was trained for none.",
);

export type FunctionTool = output<typeof functionShape>;
export type ToolChoice = output<typeof toolChoiceSchema>;

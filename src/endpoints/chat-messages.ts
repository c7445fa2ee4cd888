import { type output, z } from "zod";
import type { ReferenceDocument } from "../core/template.ts";
import { optional, text } from "./common-parameters.ts";
import type { PastCall, ToolMessage } from "./tools/history.ts";
import { functionName } from "./tools/parameters.ts";

const unsupported = (message: string) => ({ message, params: { code: "unsupported_parameter" } });

const contentPart = z.object({
  type: z.string().refine((type) => type === "text", unsupported("only text parts are supported")),
  text: text(),
});

const content = z.union([text(), z.array(contentPart).min(1)]).describe("A string or text parts.");

const absent = (value: unknown): boolean => value === undefined || value === null;

const pastFunction = z.object({ name: functionName, arguments: text() });

const message = z
  .object({
    // A string first, so that one that is missing is told from one that is wrong.
    role: z.string().pipe(z.enum(["system", "developer", "user", "assistant", "tool", "function"])),
    content: content.nullish(),
    name: optional(text().max(256)),
    tool_calls: optional(
      z.array(
        z.object({ id: z.string().min(1).max(256), type: z.literal("function"), function: pastFunction }),
      ),
    ),
    tool_call_id: optional(z.string().min(1).max(256)),
    function_call: optional(pastFunction),
  })
  .check(({ value, issues }) => {
    const { role } = value;
    const wrong = (field: string, message: string) =>
      issues.push({ code: "custom", input: value, path: [field], message });
    const calls = !absent(value.tool_calls) || !absent(value.function_call);
    if (calls && role !== "assistant") {
      wrong(value.tool_calls ? "tool_calls" : "function_call", "only an assistant message has it");
    }
    if (absent(value.content) && !calls && role !== "assistant") {
      wrong("content", "it must be a string or a list of parts");
    }
    if (role === "tool" && value.tool_call_id === undefined)
      wrong("tool_call_id", "a tool message must have it");
    if (role !== "tool" && value.tool_call_id !== undefined)
      wrong("tool_call_id", "only a tool message has it");
    if (role === "function" && value.name === undefined) wrong("name", "a function message must have it");
  })
  .describe("`name` is never part of the prompt, but for that of a function message.");

export const messagesSchema = z
  .array(message)
  .min(1)
  .max(1024)
  .refine(
    (messages) => messages.at(-1)?.role !== "assistant" || messages.at(-2)?.role !== "assistant",
    "two assistant messages at its end: there is nothing to answer",
  );

export const documentsSchema = optional(
  z.array(z.union([text(), z.object({ title: optional(text()), text: text() })])).max(128),
).describe("Reference texts for the question; they become the trained `Input:` block.");

/** The messages with each content as one string, and calls and their results told apart. */
export const toolMessages = (messages: output<typeof messagesSchema>): ToolMessage[] =>
  messages.map((one, index) => toolMessage(one, `messages[${index}]`));

function toolMessage(one: output<typeof message>, param: string): ToolMessage {
  const { role, name } = one;
  const content = joined(one.content);
  switch (role) {
    case "developer":
      return { role: "system", content };
    case "system":
    case "user":
      return { role, content };
    case "tool":
      return { role: "result", content, id: one.tool_call_id ?? "", param: `${param}.tool_call_id` };
    case "function":
      return { role: "result", content, id: functionId(name ?? ""), param: `${param}.name` };
    case "assistant":
      return { role, content, calls: pastCalls(one, param) };
  }
}

function pastCalls({ tool_calls = [], function_call }: output<typeof message>, param: string): PastCall[] {
  const calls = tool_calls.map(({ id, function: { name } }, index) => ({
    id,
    name,
    param: `${param}.tool_calls[${index}]`,
  }));
  if (function_call === undefined) return calls;
  const { name } = function_call;
  return [...calls, { id: functionId(name), name, param: `${param}.function_call` }];
}

/** The old form has no ids: a result belongs to the call of its function. */
const functionId = (name: string): string => `function ${name}`;

const joined = (content: output<typeof message>["content"]): string =>
  Array.isArray(content) ? content.map((part) => part.text).join("\n") : (content ?? "");

export const referenceDocuments = (documents: output<typeof documentsSchema> = []): ReferenceDocument[] =>
  documents.map((document) => {
    if (typeof document === "string") return { text: document };
    const { title, text } = document;
    return title === undefined ? { text } : { title, text };
  });

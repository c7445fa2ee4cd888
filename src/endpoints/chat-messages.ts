import { type output, z } from "zod";
import type { ChatMessage, ReferenceDocument } from "../core/template.ts";
import { optional, text } from "./common-parameters.ts";

const unsupported = (message: string) => ({ message, params: { code: "unsupported_parameter" } });

const contentPart = z.object({
  type: z.string().refine((type) => type === "text", unsupported("only text parts are supported")),
  text: text(),
});

const content = z.union([text(), z.array(contentPart).min(1)]).describe("A string or text parts.");

const ROLES = ["system", "developer", "user", "assistant"] as const;

const role = z
  .string()
  .refine((value) => value !== "tool" && value !== "function", unsupported("tools are not supported"))
  .pipe(z.enum(ROLES));

const message = z
  .object({
    role,
    content: content.nullish(),
    tool_calls: z.unknown().optional(),
    function_call: z.unknown().optional(),
  })
  .check((context) => {
    const { value, issues } = context;
    const input = value;
    for (const name of ["tool_calls", "function_call"] as const) {
      if (input[name] === undefined || input[name] === null) continue;
      issues.push({ code: "custom", input, path: [name], ...unsupported("tools are not supported") });
    }
    if (value.role !== "assistant" && (value.content === undefined || value.content === null)) {
      issues.push({
        code: "custom",
        input,
        path: ["content"],
        message: "it must be a string or a list of parts",
      });
    }
  })
  .describe("`name` is accepted and never part of the prompt.");

export const messagesSchema = z
  .array(message)
  .min(1)
  .max(1024)
  .refine(
    (messages) => messages.at(-1)?.role !== "assistant" || messages.at(-2)?.role !== "assistant",
    "two assistant messages at its end: there is nothing to answer",
  );

export const documentsSchema = optional(
  z
    .array(z.union([text(), z.object({ title: optional(text()), text: text() })]))
    .max(128)
    .describe("Reference texts for the question; they become the trained `Input:` block."),
);

/** The messages as templates take them: three roles, and each content one string. */
export const chatMessages = (messages: output<typeof messagesSchema>): ChatMessage[] =>
  messages.map(({ role, content }) => ({
    role: role === "developer" ? "system" : role,
    content: Array.isArray(content) ? content.map((part) => part.text).join("\n") : (content ?? ""),
  }));

export const referenceDocuments = (documents: output<typeof documentsSchema> = []): ReferenceDocument[] =>
  documents.map((document) => {
    if (typeof document === "string") return { text: document };
    const { title, text } = document;
    return title === undefined ? { text } : { title, text };
  });

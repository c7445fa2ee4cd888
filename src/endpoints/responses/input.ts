import { type output, z } from "zod";
import { GatewayError } from "../../errors.ts";
import { optional, text } from "../common-parameters.ts";
import type { PastCall, ToolMessage } from "../tools/history.ts";
import { functionName } from "../tools/parameters.ts";

const unsupported = (message: string) => ({ message, params: { code: "unsupported_parameter" } });

const MOST_ITEMS = 1024;
const id = () => z.string().min(1).max(256);

const part = z.object({
  type: z
    .string()
    .refine(
      (type) => ["input_text", "output_text", "text"].includes(type),
      unsupported("only text parts are supported"),
    ),
  text: text(),
});
const content = z.union([text(), z.array(part).min(1)]);

const messageItem = z.object({
  type: optional(z.literal("message")),
  id: optional(id()),
  role: z.string().pipe(z.enum(["system", "developer", "user", "assistant"])),
  content,
});
const callItem = z.object({
  type: z.literal("function_call"),
  id: optional(id()),
  call_id: id(),
  name: functionName,
  arguments: text(),
});
const resultItem = z.object({
  type: z.literal("function_call_output"),
  id: optional(id()),
  call_id: id(),
  output: content,
});
const referenceItem = z.object({ type: z.literal("item_reference"), id: id() });

/** What a response is asked from: a question, or items of a conversation. */
export const inputSchema = z
  .union([
    text().min(1),
    z
      .array(z.union([messageItem, callItem, resultItem, referenceItem]))
      .min(1)
      .max(MOST_ITEMS),
  ])
  .describe(
    "A question, or messages, function calls, their outputs, and references to items of stored responses.",
  );

export type GivenItem = Exclude<output<typeof inputSchema>, string>[number];
type Part = { readonly type: "input_text" | "output_text"; readonly text: string };

/** An item of a conversation as it is kept and shown. */
export type Item =
  | {
      readonly type: "message";
      readonly id: string;
      readonly status: "completed" | "incomplete";
      readonly role: "system" | "developer" | "user" | "assistant";
      readonly content: readonly Part[];
    }
  | {
      readonly type: "function_call";
      readonly id: string;
      readonly status: "completed" | "incomplete";
      readonly call_id: string;
      readonly name: string;
      readonly arguments: string;
    }
  | {
      readonly type: "function_call_output";
      readonly id: string;
      readonly status: "completed" | "incomplete";
      readonly call_id: string;
      readonly output: string;
    };

/** What the items of a request need from around it. */
export interface ItemParts {
  newId(prefix: string): string;
  /** An item of a stored response. */
  find(id: string): Item | undefined;
}

/** The items of a request, each with an id. Throws GatewayError for a reference to what is not stored. */
export const inputItems = (input: output<typeof inputSchema>, parts: ItemParts): Item[] =>
  typeof input === "string"
    ? [message({ role: "user", content: input, id: undefined }, parts)]
    : input.map((given, index) => inputItem(given, `input[${index}]`, parts));

function inputItem(given: GivenItem, param: string, parts: ItemParts): Item {
  if ("role" in given) return message(given, parts);
  const { newId, find } = parts;
  const status = "completed";
  switch (given.type) {
    case "function_call": {
      const { type, call_id, name } = given;
      return { type, id: given.id ?? newId("fc_"), status, call_id, name, arguments: given.arguments };
    }
    case "function_call_output": {
      const { type, call_id } = given;
      return { type, id: given.id ?? newId("fco_"), status, call_id, output: joined(given.output) };
    }
    case "item_reference": {
      const found = find(given.id);
      if (found !== undefined) return found;
      throw new GatewayError("invalid_value", `Invalid value for '${param}.id': no stored item has it.`, {
        param: `${param}.id`,
      });
    }
  }
}

function message(
  { role, content, id: given }: Omit<output<typeof messageItem>, "type">,
  { newId }: ItemParts,
): Item {
  const type = role === "assistant" ? "output_text" : "input_text";
  const parts = typeof content === "string" ? [content] : content.map((one) => one.text);
  return {
    type: "message",
    id: given ?? newId("msg_"),
    status: "completed",
    role,
    content: parts.map((value) => ({ type, text: value })),
  };
}

const joined = (value: output<typeof content>): string =>
  typeof value === "string" ? value : value.map((one) => one.text).join("\n");

/** The items as messages; calls that follow each other are one assistant message. */
export function itemMessages(items: readonly Item[], param: string): ToolMessage[] {
  const messages: ToolMessage[] = [];
  for (const item of items) {
    if (item.type === "message") {
      const text = item.content.map((one) => one.text).join("\n");
      if (item.role === "assistant") messages.push({ role: "assistant", content: text, calls: [] });
      else messages.push({ role: item.role === "user" ? "user" : "system", content: text });
    } else if (item.type === "function_call_output") {
      messages.push({ role: "result", content: item.output, id: item.call_id, param });
    } else {
      const call: PastCall = { id: item.call_id, name: item.name, param };
      const last = messages.at(-1);
      if (last?.role === "assistant" && (last.calls.length > 0 || last.content === "")) {
        messages[messages.length - 1] = { ...last, calls: [...last.calls, call] };
      } else messages.push({ role: "assistant", content: "", calls: [call] });
    }
  }
  return messages;
}

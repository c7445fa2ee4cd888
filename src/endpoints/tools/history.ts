import type { ChatMessage, ReferenceDocument } from "../../core/template.ts";
import { GatewayError } from "../../errors.ts";

/** A message of a conversation in which functions were called. */
export type ToolMessage =
  | { readonly role: "system" | "user"; readonly content: string }
  | { readonly role: "assistant"; readonly content: string; readonly calls: readonly PastCall[] }
  /** What a function gave; `id`: of its call. */
  | { readonly role: "result"; readonly content: string; readonly id: string; readonly param: string };

export interface PastCall {
  readonly id: string;
  readonly name: string;
  readonly param: string;
}

/**
 * A conversation without its calls, for models that were not trained on any: what functions gave since the last answer are
 * reference texts for the question, which stands as it was asked. Throws GatewayError for a result of no call, and for a call
 * without its result.
 */
export function withoutCalls(messages: readonly ToolMessage[]): {
  messages: ChatMessage[];
  results: ReferenceDocument[];
} {
  const kept: ChatMessage[] = [];
  let results: ReferenceDocument[] = [];
  let open: PastCall[] = [];
  for (const message of messages) {
    if (message.role === "result") {
      const call = open.find(({ id }) => id === message.id);
      if (call === undefined)
        throw invalid(message.param, "it answers no call of the assistant message before it");
      open = open.filter((one) => one !== call);
      results.push({ title: call.name, text: message.content });
      continue;
    }
    requireResults(open);
    if (message.role === "assistant" && message.calls.length > 0) {
      open = [...message.calls];
      continue;
    }
    // An answer in words: what the functions gave is told in it.
    if (message.role === "assistant") results = [];
    kept.push({ role: message.role, content: message.content });
  }
  requireResults(open);
  return { messages: kept, results };
}

function requireResults([call]: readonly PastCall[]): void {
  if (call === undefined) return;
  throw invalid(call.param, `a message with the result of the call of '${call.name}' must follow`);
}

const invalid = (param: string, reason: string): GatewayError =>
  new GatewayError("invalid_value", `Invalid value for '${param}': ${reason}.`, { param });

import type { ChatMessage } from "../core/template.ts";

/** A question and its answer. */
export interface Turn {
  readonly user: string;
  readonly assistant: string;
}

export interface Conversation {
  /** All system text in order, blank lines between; "" where there is none. */
  readonly system: string;
  readonly earlier: readonly Turn[];
  /** What is to be answered now. */
  readonly last: string;
}

/**
 * Sorts messages into turns. User messages that follow each other are one question, assistant messages one answer. Throws RangeError, with a reason
 * for the client, where there is nothing to answer or an answer follows no question.
 */
export function conversation(messages: readonly ChatMessage[]): Conversation {
  const system = messages.filter(({ role }) => role === "system").map(({ content }) => content);
  const earlier: Turn[] = [];
  let asked: string[] = [];
  for (const { role, content } of messages) {
    if (role === "user") asked.push(content);
    if (role !== "assistant") continue;
    const before = earlier.at(-1);
    if (asked.length === 0 && before !== undefined) {
      earlier[earlier.length - 1] = { ...before, assistant: `${before.assistant}\n\n${content}` };
      continue;
    }
    if (asked.length === 0) {
      throw new RangeError(
        "an assistant message must follow a user message: there is nothing that it answers",
      );
    }
    earlier.push({ user: asked.join("\n\n"), assistant: content });
    asked = [];
  }
  const instruction = system.join("\n\n");
  // A system message alone is an instruction.
  if (asked.length === 0 && earlier.length === 0 && instruction !== "") {
    return { system: "", earlier, last: instruction };
  }
  if (asked.length === 0) {
    throw new RangeError(
      earlier.length === 0
        ? "there must be a user message"
        : "the last message must be the user's: continuing an assistant message is not supported",
    );
  }
  return { system: instruction, earlier, last: asked.join("\n\n") };
}

/**
 * The messages without their oldest turn: system messages and the last question stay. undefined where there is no
 * earlier turn to drop.
 */
export function withoutOldestTurn(messages: readonly ChatMessage[]): ChatMessage[] | undefined {
  const answer = messages.findIndex(({ role }) => role === "assistant");
  if (answer < 0) return undefined;
  return messages.filter(({ role }, at) => role === "system" || at > answer);
}

import { expect, test } from "vitest";
import type { ChatMessage } from "../../src/core/template.ts";
import { dropOldestTurns } from "../../src/endpoints/prompt-tokens.ts";
import { withoutOldestTurn } from "../../src/templates/conversation.ts";

/** A system message, `turns` turns of 2 tokens, and a question; each message is one token. */
const conversation = (turns: number): ChatMessage[] => [
  { role: "system", content: "s" },
  ...Array.from({ length: turns }, (_, turn): ChatMessage[] => [
    { role: "user", content: `q${turn}` },
    { role: "assistant", content: `a${turn}` },
  ]).flat(),
  { role: "user", content: "last" },
];

function dropped(turns: number, mostTokens: number) {
  let renders = 0;
  const { prompt } = dropOldestTurns(
    conversation(turns),
    (messages) => {
      renders += 1;
      const parts = messages.map(({ content }) => ({ text: content }));
      return { prompt: { parts, end: [] }, tokens: messages.map(() => 0) };
    },
    withoutOldestTurn,
    mostTokens,
  );
  const kept = prompt.parts.flatMap((part) => ("text" in part ? [part.text] : []));
  return { kept, renders };
}

test.each([
  [8, ["s", "q0", "a0", "q1", "a1", "q2", "a2", "last"]],
  [7, ["s", "q1", "a1", "q2", "a2", "last"]],
  [4, ["s", "q2", "a2", "last"]],
  [3, ["s", "last"]],
  [1, ["s", "last"]],
])("of three turns, %i tokens hold as many of the newest as fit", (mostTokens, kept) => {
  expect(dropped(3, mostTokens).kept).toEqual(kept);
});

test("a long conversation is not rendered once for each turn", () => {
  const { kept, renders } = dropped(500, 12);
  expect(kept).toHaveLength(12);
  expect(renders).toBeLessThan(12);
});

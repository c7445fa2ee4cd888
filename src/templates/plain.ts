import type { PromptTemplate } from "../core/template.ts";

/** For base models, which know no roles: what was said, in order, with blank lines between. */
export const plain: PromptTemplate = {
  name: "plain",
  about: "base models (Pythia, GPT-NeoX): the texts as they are, blank lines between, no control tokens",
  controlTokens: [],
  defaults: {
    temperature: 1,
    topP: 1,
    topK: 0,
    minP: 0,
    presencePenalty: 0,
    frequencyPenalty: 0,
    maxTokens: 256,
  },
  strip: false,
  render(messages, { multiTurn, documents }) {
    const told = multiTurn === "single" ? messages.filter(lastUserAndSystem) : messages;
    if (!messages.some(({ role }) => role === "user")) throw new RangeError("there must be a user message");
    const texts = [
      ...documents.map(({ title, text }) => (title === undefined ? text : `${title}\n${text}`)),
      ...told.map(({ content }) => content),
    ];
    return { parts: [{ text: texts.join("\n\n") }], end: [] };
  },
};

function lastUserAndSystem(
  { role }: { role: string },
  at: number,
  messages: readonly { role: string }[],
): boolean {
  return role === "system" || at === messages.findLastIndex((message) => message.role === "user");
}

import type { PromptTemplate } from "../core/template.ts";
import { conversation } from "./conversation.ts";
import { documentTexts } from "./documents.ts";

/** For base models, which know no roles: reference texts, system text and what was said, with blank lines between. */
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
    const { system, earlier, last } = conversation(messages);
    const told = multiTurn === "single" ? [] : earlier.flatMap(({ user, assistant }) => [user, assistant]);
    const head = system === "" ? [] : [system];
    return { parts: [{ text: [...documentTexts(documents), ...head, ...told, last].join("\n\n") }], end: [] };
  },
};

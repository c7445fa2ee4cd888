import { NEUTRAL } from "../core/generation.ts";
import type { PromptTemplate } from "../core/template.ts";
import { conversation } from "./conversation.ts";
import { documentTexts } from "./documents.ts";

/** For base models, which know no roles: reference texts, system text and what was said, with blank lines between. */
export const plain: PromptTemplate = {
  name: "plain",
  about: "base models (Pythia, GPT-NeoX): the texts as they are, blank lines between, no control tokens",
  controlTokens: [],
  end: [],
  defaults: {
    ...NEUTRAL,
    maxTokens: 256,
  },
  strip: false,
  render(messages, { multiTurn, documents }) {
    const { system, earlier, last } = conversation(messages);
    const told = multiTurn === "single" ? [] : earlier.flatMap(({ user, assistant }) => [user, assistant]);
    const head = system === "" ? [] : [system];
    return {
      parts: [{ text: [...documentTexts(documents), ...head, ...told, last].join("\n\n") }],
      end: plain.end,
    };
  },
};

import type { Prompt, PromptPart } from "../core/prompt.ts";
import type {
  ChatMessage,
  GenerationDefaults,
  PromptTemplate,
  ReferenceDocument,
  RenderOptions,
} from "../core/template.ts";
import { conversation, type Turn } from "./conversation.ts";
import { documentTexts } from "./documents.ts";

/** databrickslabs/dolly training/consts.py: INTRO_BLURB, INSTRUCTION_KEY, INPUT_KEY, END_KEY. */
const INTRO =
  "Below is an instruction that describes a task. Write a response that appropriately completes the request.";
const INTRO_PART: PromptPart = { text: `${INTRO}\n\n`, fixed: true };
const INSTRUCTION_KEY = "### Instruction:";
const INPUT_KEY = "Input:";
const END_KEY = "### End";

/** databrickslabs/dolly training/generate.py: InstructionTextGenerationPipeline. */
const PIPELINE_DEFAULTS: GenerationDefaults = {
  temperature: 1,
  topP: 0.92,
  topK: 0,
  minP: 0,
  presencePenalty: 0,
  frequencyPenalty: 0,
  maxTokens: 256,
};

/** Dolly v2's response key is one token together with its newline; that of v1 is followed by a newline of its own. */
export const dollyV2 = dolly({
  name: "dolly-v2",
  about: "Dolly v2: instruction, optional `Input:` context, response; `### Response:\\n` is one token",
  responseKey: "### Response:\n",
  afterResponseKey: "",
});

export const dollyV1 = dolly({
  name: "dolly-v1",
  about: "Dolly v1: as v2, with `### Response:` as a token and the newline apart",
  responseKey: "### Response:",
  afterResponseKey: "\n",
});

interface DollyVersion {
  readonly name: string;
  readonly about: string;
  readonly responseKey: string;
  readonly afterResponseKey: string;
}

function dolly({ name, about, responseKey, afterResponseKey }: DollyVersion): PromptTemplate {
  /** `### Instruction:` to `### Response:` with its newline, as a training record has it. */
  const question = (instruction: string, input: string): PromptPart[] => [
    { special: INSTRUCTION_KEY },
    { text: `\n${instruction}\n\n${input}` },
    { special: responseKey },
  ];
  const end = [END_KEY];
  return {
    name,
    about,
    controlTokens: [END_KEY, INSTRUCTION_KEY, responseKey],
    end,
    defaults: PIPELINE_DEFAULTS,
    strip: true,
    render(messages: readonly ChatMessage[], { multiTurn, documents }: RenderOptions): Prompt {
      const { system, earlier, last } = conversation(messages);
      const told = multiTurn === "single" ? [] : earlier;
      const input = inputBlock(documents);
      const parts: PromptPart[] = [INTRO_PART];
      if (multiTurn === "stacked") {
        for (const [at, { user, assistant }] of told.entries()) {
          parts.push(...question(at === 0 ? headed(system, user) : user, ""));
          parts.push({ text: `${afterResponseKey}${assistant}\n\n` }, { special: END_KEY }, { text: "\n\n" });
        }
        parts.push(...question(told.length === 0 ? headed(system, last) : last, input));
      } else {
        parts.push(...question(headed(system, folded(told, last)), input));
      }
      if (afterResponseKey !== "") parts.push({ text: afterResponseKey });
      return { parts: merged(parts), end };
    },
  };
}

/** The system's text stands at the head of the instruction, where the model looks for what to do. */
function headed(system: string, instruction: string): string {
  return system === "" ? instruction : `${system}\n\n${instruction}`;
}

/** Earlier turns told inside one instruction, in plain words: the model was trained on single instructions. */
function folded(earlier: readonly Turn[], last: string): string {
  if (earlier.length === 0) return last;
  const told = earlier.map(({ user, assistant }) => `User: ${user}\nAssistant: ${assistant}`);
  return `Continue this conversation.\n\n${told.join("\n")}\nUser: ${last}`;
}

/** The trained context block; empty where there is nothing to put in, as in training. */
function inputBlock(documents: readonly ReferenceDocument[]): string {
  const texts = documentTexts(documents);
  return texts.length === 0 ? "" : `${INPUT_KEY}\n${texts.join("\n\n")}\n\n`;
}

/** Neighbouring texts as one, so that they are tokenised as one. */
function merged(parts: readonly PromptPart[]): PromptPart[] {
  const result: PromptPart[] = [];
  for (const part of parts) {
    const before = result.at(-1);
    if (before !== undefined && "text" in before && "text" in part) {
      result[result.length - 1] = { text: before.text + part.text };
    } else {
      result.push(part);
    }
  }
  return result;
}

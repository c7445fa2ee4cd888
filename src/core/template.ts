import type { SamplingParameters } from "./generation.ts";
import type { Prompt } from "./prompt.ts";

/** A chat message after the API's roles were reduced to three: `developer` is `system`. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface ReferenceDocument {
  readonly title?: string;
  readonly text: string;
}

/**
 * What becomes of earlier turns, which Dolly was not trained on:
 * - `stacked`: each earlier turn is written as a training record, one after the other;
 * - `folded`: earlier turns are told inside the one instruction;
 * - `single`: earlier turns are left out.
 */
export type MultiTurn = "stacked" | "folded" | "single";

/** Defaults of a request that goes through a template. `maxTokens` null: up to the context. */
export interface GenerationDefaults extends SamplingParameters {
  readonly maxTokens: number | null;
}

export interface RenderOptions {
  readonly multiTurn: MultiTurn;
  readonly documents: readonly ReferenceDocument[];
}

export interface PromptTemplate {
  readonly name: string;
  readonly about: string;
  /** Control strings that the tokenizer must have for this template. */
  readonly controlTokens: readonly string[];
  /** Those whose token ends the answer. */
  readonly end: readonly string[];
  readonly defaults: GenerationDefaults;
  /** Whether the answer is stripped of white space at both ends, as the training pipeline does. */
  readonly strip: boolean;
  /** `messages` holds at least one; throws RangeError with a reason where the order of roles makes no sense. */
  render(messages: readonly ChatMessage[], options: RenderOptions): Prompt;
}

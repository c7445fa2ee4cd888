import type { PromptTemplate } from "../core/template.ts";
import { dollyV1, dollyV2 } from "./dolly.ts";
import { plain } from "./plain.ts";

/** Every template, the most demanding first: the first whose control tokens a tokenizer has is the one it was made for. */
export const templates: readonly PromptTemplate[] = [dollyV2, dollyV1, plain];

export function templateNamed(name: string): PromptTemplate | undefined {
  return templates.find((template) => template.name === name);
}

/** The template that a tokenizer's control tokens point to; `plain` where they are no Dolly's. */
export function chooseTemplate(controlTokens: readonly string[]): PromptTemplate {
  const fits = (template: PromptTemplate) =>
    template.controlTokens.every((token) => controlTokens.includes(token));
  return templates.find(fits) ?? plain;
}

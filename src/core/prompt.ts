/**
 * One piece of a prompt.
 * - `special`: a control string of the template; becomes exactly one control token.
 * - `text`: user or template text; never becomes a control token, whatever it spells. `fixed`: the template's own, and the
 *   same object in every prompt, so that its tokens can be remembered.
 * - `markup`: text in which the tokenizer's control strings are recognised, as transformers' `tokenizer(text)` does;
 *   for raw completions, where the client renders the template itself.
 * - `tokens`: token ids as they are.
 */
export type PromptPart =
  | { readonly special: string }
  | { readonly text: string; readonly fixed?: true }
  | { readonly markup: string }
  | { readonly tokens: readonly number[] };

export interface Prompt {
  readonly parts: readonly PromptPart[];
  /** Control strings whose *token* ends the answer, besides the tokenizer's end of text. */
  readonly end: readonly string[];
}

/** The prompt as one string, for people and for golden files; token ids do not appear in it. */
export function promptText(prompt: Prompt): string {
  return prompt.parts
    .map((part) => {
      if ("special" in part) return part.special;
      if ("text" in part) return part.text;
      return "markup" in part ? part.markup : "";
    })
    .join("");
}

import { Tokenizer as BpeTokenizer } from "@huggingface/tokenizers";
import type { Prompt, PromptPart } from "../../src/core/prompt.ts";
import { GatewayError } from "../../src/errors.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Turns prompts into token ids and token ids into text; text that a user wrote never becomes a control token. */
export class Tokenizer {
  readonly vocabulary: Vocabulary;
  readonly #controlTokens: ReadonlyMap<string, number>;
  /** Knows the control strings; `#plain` does not, so that they are words like any other. */
  readonly #markup: BpeTokenizer;
  readonly #plain: BpeTokenizer;
  /** Tokens of what templates say in every prompt. */
  readonly #fixed = new WeakMap<PromptPart, readonly number[]>();

  /** `vocabularySize`: rows of the model's output matrix. */
  constructor(json: TokenizerJson, vocabularySize: number) {
    this.vocabulary = Vocabulary.fromTokenizer(json, vocabularySize);
    this.#controlTokens = new Map(
      json.added_tokens.filter(({ special }) => special).map(({ content, id }) => [content, id]),
    );
    this.#markup = new BpeTokenizer(json, {});
    this.#plain = new BpeTokenizer(
      { ...json, added_tokens: json.added_tokens.filter(({ special }) => !special) },
      {},
    );
  }

  get controlTokens(): readonly string[] {
    return [...this.#controlTokens.keys()];
  }

  controlToken(text: string): number | undefined {
    return this.#controlTokens.get(text);
  }

  /** Throws GatewayError `invalid_value` for a token id outside the vocabulary or an unknown control string. */
  encode(prompt: Prompt): number[] {
    const ids: number[] = [];
    for (const part of prompt.parts) {
      for (const id of this.#encodePart(part)) ids.push(id);
    }
    return ids;
  }

  #encodePart(part: PromptPart): readonly number[] {
    if ("text" in part) {
      if (part.fixed !== true) return this.#plainIds(part.text);
      const ids = this.#fixed.get(part) ?? this.#plainIds(part.text);
      this.#fixed.set(part, ids);
      return ids;
    }
    if ("markup" in part) return this.#markup.encode(part.markup, { add_special_tokens: false }).ids;
    if ("tokens" in part) return this.#checked(part.tokens);
    const id = this.#controlTokens.get(part.special);
    if (id === undefined) {
      throw new GatewayError(
        "invalid_value",
        `The model's tokenizer has no control token ${JSON.stringify(part.special)}.`,
      );
    }
    return [id];
  }

  #plainIds(text: string): readonly number[] {
    return this.#plain.encode(text, { add_special_tokens: false }).ids;
  }

  #checked(tokens: readonly number[]): readonly number[] {
    const { size } = this.vocabulary;
    const wrong = tokens.find((id) => !Number.isInteger(id) || id < 0 || id >= size);
    if (wrong === undefined) return tokens;
    throw new GatewayError(
      "invalid_value",
      `Token id ${wrong} is outside the vocabulary: ids run from 0 to ${size - 1}.`,
      { param: "prompt" },
    );
  }

  /** Byte-exact; bytes that are no UTF-8 become U+FFFD. Control tokens are left out unless `control` is true. */
  decode(tokens: readonly number[], { control = false } = {}): string {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let text = "";
    for (const id of this.#checked(tokens)) {
      if (control || !this.vocabulary.isControl(id)) {
        text += decoder.decode(this.vocabulary.bytes(id), { stream: true });
      }
    }
    return text + decoder.decode();
  }
}

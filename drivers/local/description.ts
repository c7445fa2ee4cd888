import type { LoadContext, ModelDescription } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

/** What the files of a model say of it. */
export interface LocalSource {
  /** Most tokens that the model was made for. */
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly precision: string;
  readonly tokenizer: TokenizerJson;
}

/** A local model as it will be served. Throws OperatorError where more context is configured than it has. */
export function describeLocal(
  { contextLength, vocabularySize, precision, tokenizer }: LocalSource,
  { name, path }: { name: string; path: string },
  context: Pick<LoadContext, "maxModelLen" | "name">,
): ModelDescription {
  const { maxModelLen } = context;
  if (maxModelLen !== undefined && maxModelLen > contextLength) {
    throw new OperatorError(
      `${context.name}: max_model_len ${maxModelLen} is more than the model's context of ${contextLength} tokens (${path})`,
    );
  }
  return {
    name,
    contextLength: maxModelLen ?? contextLength,
    vocabularySize,
    precision,
    controlTokens: tokenizer.added_tokens.filter(({ special }) => special).map(({ content }) => content),
  };
}

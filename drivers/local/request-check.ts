import type { ModelDescription } from "../../src/core/driver.ts";
import type { GenerationRequest } from "../../src/core/generation.ts";
import { GatewayError } from "../../src/errors.ts";

/** What every engine must be able to rely on. Throws GatewayError. */
export function checkRequest(
  { prompt, maxTokens, sampling, stopTokens }: GenerationRequest,
  { contextLength, vocabularySize }: Pick<ModelDescription, "contextLength" | "vocabularySize">,
): void {
  if (prompt.length === 0)
    throw new GatewayError("invalid_value", "The prompt is empty.", { param: "prompt" });
  const room = maxTokens === 0 ? contextLength : contextLength - 1;
  if (prompt.length > room) {
    throw new GatewayError(
      "context_length_exceeded",
      `The model's context is ${contextLength} tokens; the prompt has ${prompt.length}. Shorten it.`,
      { param: "prompt" },
    );
  }
  const ids: [string, readonly number[]][] = [
    ["prompt", prompt],
    ["logit_bias", sampling.logitBias.map(([id]) => id)],
    ["stop_token_ids", stopTokens],
  ];
  for (const [param, list] of ids) {
    const wrong = list.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
    if (wrong === undefined) continue;
    throw new GatewayError(
      "invalid_value",
      `Token id ${wrong} is outside the vocabulary: ids run from 0 to ${vocabularySize - 1}.`,
      { param },
    );
  }
}

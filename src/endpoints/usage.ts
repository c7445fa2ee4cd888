import type { CompletionUsage } from "openai/resources/completions";
import type { GenerationEvent } from "../core/generation.ts";

/** Counts the tokens of a request's generations; a prompt counts once, however many answers it has. */
export class UsageCounter {
  #prompt = 0;
  #cached = 0;
  #completion = 0;

  add(event: GenerationEvent): void {
    if (event.type === "start") {
      this.#prompt += event.promptTokens;
      this.#cached += event.cachedTokens;
    }
    if (event.type === "finish") {
      this.#completion += event.completionTokens;
      this.#cached += event.cachedTokens ?? 0;
    }
  }

  usage(): CompletionUsage {
    return {
      prompt_tokens: this.#prompt,
      completion_tokens: this.#completion,
      total_tokens: this.#prompt + this.#completion,
      prompt_tokens_details: { cached_tokens: this.#cached },
      completion_tokens_details: { reasoning_tokens: 0 },
    };
  }
}

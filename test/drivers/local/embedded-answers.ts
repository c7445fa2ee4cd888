import { expect } from "vitest";
import type { Model } from "../../../src/core/driver.ts";
import { type GenerationRequest, NEUTRAL, ORDINARY } from "../../../src/core/generation.ts";
import { golden } from "../../golden-data.ts";

export interface GoldenAnswer {
  readonly prompt_ids: number[];
  readonly greedy_ids: number[];
  /** First step whose two best tokens are nearly as likely. */
  readonly first_tie: number | null;
}

/** The embedded model's questions, and its answers by transformers. */
export const { cases: embeddedAnswers } = golden<{ cases: GoldenAnswer[] }>("dolly-v2-tiny.json");

/** Ids of an answer, by default the greedy one. */
export async function answerOf(
  model: Model,
  prompt: readonly number[],
  changes: Partial<GenerationRequest> = {},
): Promise<number[]> {
  const ids: number[] = [];
  const request: GenerationRequest = {
    prompt,
    choices: 1,
    maxTokens: 96,
    sampling: { ...NEUTRAL, temperature: 0, logitBias: [], seed: null },
    stopTokens: [model.controlToken("### End") ?? -1],
    stopStrings: [],
    logprobs: null,
    ...ORDINARY,
    promptLogprobs: null,
    ...changes,
  };
  for await (const event of model.generate(request, new AbortController().signal)) {
    if (event.type === "token") ids.push(...event.tokens.map(({ id }) => id));
  }
  return ids;
}

/** All at once, exact up to the tie where there is one. */
export async function expectGoldenAnswers(model: Model, some: readonly GoldenAnswer[]): Promise<void> {
  const answers = await Promise.all(some.map(({ prompt_ids }) => answerOf(model, prompt_ids)));
  for (const [index, { greedy_ids, first_tie }] of some.entries()) {
    const exact = first_tie ?? greedy_ids.length;
    expect(answers[index]?.slice(0, exact)).toEqual(greedy_ids.slice(0, exact));
  }
}

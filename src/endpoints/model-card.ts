/** What a model's publisher says of it; null where the gateway does not know. */
export interface ModelCard {
  readonly owner: string;
  /** SPDX identifier. */
  readonly license: string | null;
  readonly baseModel: string | null;
  readonly limitations: string | null;
  /** Publication, in seconds since 1970; 0 where it is not known. */
  readonly created: number;
}

const LIMITATIONS =
  "Not state of the art. Struggles with syntactically complex prompts, programming, mathematics, factual correctness, dates and times, open-ended answers, lists of a given length, style and humour; may invent facts and reproduce objectionable content of its training data.";

/** 2023-04-12, when Databricks published dolly-v2-12b; the smaller two followed a day later. */
const DOLLY_V2 = Date.UTC(2023, 3, 12) / 1000;
const A_DAY = 86_400;

const databricks = (baseModel: string, created: number): ModelCard => ({
  owner: "databricks",
  license: "MIT",
  baseModel,
  limitations: LIMITATIONS,
  created,
});

/** The cards on the Hugging Face hub (databricks/dolly-v2-*) and models/dolly-v2-tiny/README.md. */
const cards: Readonly<Record<string, ModelCard>> = {
  "dolly-v2-3b": databricks("EleutherAI/pythia-2.8b", DOLLY_V2 + A_DAY),
  "dolly-v2-7b": databricks("EleutherAI/pythia-6.9b", DOLLY_V2 + A_DAY),
  "dolly-v2-12b": databricks("EleutherAI/pythia-12b", DOLLY_V2),
  "dolly-v2-tiny": {
    owner: "dolly-gateway",
    license: "CC-BY-SA-3.0",
    baseModel: null,
    limitations:
      "Knows some 5,000 short questions of databricks-dolly-15k by heart and nothing else: it shows and tests the machinery and is no assistant.",
    created: 0,
  },
};

const unknown: ModelCard = {
  owner: "unknown",
  license: null,
  baseModel: null,
  limitations: null,
  created: 0,
};

/** The card for a model's name, also where an owner stands before it or a precision after it (`databricks/dolly-v2-3b-q8_0`). */
export function modelCard(name: string): ModelCard {
  const base = /(?:^|\/)(dolly-v2-(?:3b|7b|12b|tiny))(?![a-z0-9])/i.exec(name)?.[1];
  return (base === undefined ? undefined : cards[base.toLowerCase()]) ?? unknown;
}

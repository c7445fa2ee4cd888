import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { openai } from "../../../drivers/openai/index.ts";
import type { LoadContext, Model } from "../../../src/core/driver.ts";
import { type GenerationRequest, NEUTRAL, ORDINARY } from "../../../src/core/generation.ts";
import { embeddedModel } from "../../golden-data.ts";

/** What a vLLM answers at /v1/models. */
export const MODELS = JSON.stringify({
  object: "list",
  data: [{ id: "m", object: "model", owned_by: "vllm", created: 1, max_model_len: 512 }],
});

/** Four tokens, greedily. */
export const REQUEST: GenerationRequest = {
  prompt: [5],
  choices: 1,
  maxTokens: 4,
  sampling: { ...NEUTRAL, temperature: 0, logitBias: [], seed: null },
  stopTokens: [],
  stopStrings: [],
  logprobs: null,
  promptLogprobs: null,
  ...ORDINARY,
};

/** Lets an engine listen on a free port, and loads its model through one connection. */
export async function modelOf(engine: Server, context: LoadContext, more: object = {}): Promise<Model> {
  await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
  const { port } = engine.address() as AddressInfo;
  const options = { api_base: `http://127.0.0.1:${port}/v1`, tokenizer: embeddedModel, parallel: 1, ...more };
  return await openai.bind(options).load(context, new AbortController().signal);
}

export async function closeEngine(engine: Server): Promise<void> {
  engine.closeAllConnections();
  await new Promise((resolve) => engine.close(resolve));
}

import { createHash } from "node:crypto";
import { basename } from "node:path";
import { defineDriver } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import { readCheckpointHeader } from "../local/checkpoint/index.ts";
import { describeLocal } from "../local/description.ts";
import { Tokenizer } from "../local/tokenizer.ts";
import { EngineClient } from "./client.ts";
import { engineFacts } from "./detect.ts";
import type { Dialect } from "./dialect.ts";
import { EngineLoad } from "./engine-load.ts";
import { llamaServer } from "./llama-server.ts";
import { type EngineKind, type OpenaiOptions, openaiOptions } from "./options.ts";
import { dollyTokenizer } from "./own-tokenizer.ts";
import { textOnly } from "./text-only.ts";
import { Turns } from "./turns.ts";
import { UpstreamModel } from "./upstream-model.ts";
import { vllm } from "./vllm.ts";

const DIALECTS: Readonly<Record<EngineKind, Dialect>> = {
  vllm,
  "dolly-gateway": vllm,
  "llama-server": llamaServer,
  tgi: textOnly,
  openai: textOnly,
};

/** Hands requests to another engine over its OpenAI API. */
export const openai = defineDriver({
  name: "openai",
  about:
    "Hands requests to another engine over HTTP: vLLM, llama.cpp's server, TGI, another of these gateways, or any server of OpenAI's completions.",
  options: openaiOptions,
  paths: ["tokenizer"],
  loadsWeights: false,
  async inspect(options, context) {
    const source = await readTokenizer(options);
    const path = options.api_base;
    const { contextLength } = source;
    return describeLocal(
      { ...source, contextLength: options.context_length ?? contextLength },
      { name: nameOf(options), path },
      context,
    );
  },
  async load(options, context, signal) {
    const source = await readTokenizer(options);
    const client = new EngineClient(options);
    try {
      const facts = await engineFacts(client, options, signal);
      const contextLength = options.context_length ?? facts.contextLength ?? source.contextLength;
      const described = describeLocal(
        { ...source, contextLength },
        { name: nameOf(options), path: options.api_base },
        context,
      );
      context.log.info(
        { engine: facts.kind, engine_model: facts.model, context_length: described.contextLength },
        "engine found",
      );
      return new UpstreamModel({
        description: { ...described, precision: facts.kind },
        client,
        load: new EngineLoad(client, facts.kind, options),
        dialect: DIALECTS[facts.kind],
        tokenizer: new Tokenizer(source.tokenizer, source.vocabularySize),
        endOfText: source.endOfText,
        model: facts.model,
        turns: new Turns({
          slots: options.parallel,
          maxQueue: options.max_queue,
          queueTimeoutMs: options.queue_timeout * 1000,
        }),
        fingerprint: createHash("sha256")
          .update(JSON.stringify(["openai", facts.identity, source.text]))
          .digest("hex")
          .slice(0, 16),
      });
    } catch (error) {
      await client.close();
      if (error instanceof OperatorError)
        throw new OperatorError(`${context.name}: ${error.message}`, { cause: error });
      throw error;
    }
  },
});

const nameOf = ({ model, tokenizer }: OpenaiOptions): string => model ?? basename(tokenizer ?? "dolly-v2");

async function readTokenizer({ tokenizer: folder }: Pick<OpenaiOptions, "tokenizer">) {
  if (folder === undefined) return { ...(await dollyTokenizer()), precision: "upstream" };
  const { config, tokenizer } = await readCheckpointHeader(folder);
  return {
    contextLength: config.contextLength,
    vocabularySize: config.vocabularySize,
    precision: "upstream",
    tokenizer: tokenizer.json,
    text: tokenizer.text,
    endOfText: tokenizer.roles.eos ?? config.eosTokenId,
  };
}

import { createHash, randomInt } from "node:crypto";
import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import type { Model, ModelStatus } from "../../src/core/driver.ts";
import type {
  GeneratedToken,
  GenerationEvent,
  GenerationRequest,
  PromptToken,
  TokenAlternative,
} from "../../src/core/generation.ts";
import type { Prompt } from "../../src/core/prompt.ts";
import { TextStream } from "../../src/core/text-stream.ts";
import { GatewayError } from "../../src/errors.ts";
import type { FakeOptions } from "./options.ts";
import { Slots } from "./slots.ts";
import {
  CONTROL_TOKENS,
  checked,
  controlToken,
  decode,
  END,
  END_OF_TEXT,
  encode,
  token,
  VOCABULARY_SIZE,
} from "./vocabulary.ts";

/** What a scripted token is given as its probability; the others share the rest evenly. */
const CERTAINTY = 0.9;

/** A model that answers from a script, a byte a token, with made-up but consistent probabilities. */
export class FakeModel implements Model {
  readonly name: string;
  readonly precision = "none";
  readonly controlTokens = CONTROL_TOKENS;
  readonly vocabularySize = VOCABULARY_SIZE;
  readonly endOfText = END_OF_TEXT;
  readonly fingerprint: string;
  readonly contextLength: number;
  readonly slots: number;
  readonly #options: FakeOptions;
  readonly #free: Slots;
  readonly #closing = new AbortController();

  constructor(name: string, options: FakeOptions, contextLength: number) {
    this.name = name;
    this.#options = options;
    this.contextLength = contextLength;
    this.slots = options.parallel;
    this.#free = new Slots(options.parallel);
    this.fingerprint = createHash("sha256")
      .update(JSON.stringify(["fake", options.answers]))
      .digest("hex");
  }

  tokenize(prompt: Prompt): number[] {
    return encode(prompt);
  }

  detokenize(tokens: readonly number[], { control = false } = {}): string {
    return decode(checked(tokens, "tokens"), control);
  }

  token(id: number) {
    return token(id);
  }

  controlToken(text: string): number | undefined {
    return controlToken(text);
  }

  async *generate(
    request: GenerationRequest,
    callerSignal: AbortSignal,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const signal = AbortSignal.any([callerSignal, this.#closing.signal]);
    signal.throwIfAborted();
    this.#validate(request);
    const release = await this.#free.take(signal);
    try {
      yield {
        type: "start",
        promptTokens: request.prompt.length,
        cachedTokens: 0,
        queuedMs: 0,
        ...(request.promptLogprobs === null
          ? {}
          : { promptLogprobs: scoredPrompt(request.prompt, request.promptLogprobs) }),
      };
      for (let index = 0; index < request.choices; index += 1) yield* this.#answer(request, index, signal);
    } finally {
      release();
    }
  }

  status(): ModelStatus {
    const { free, waiting } = this.#free;
    return { state: "ready", busySlots: this.slots - free, waiting, memoryBytes: null, restarts: 0 };
  }

  async check(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#closing.signal.throwIfAborted();
  }

  async close(): Promise<void> {
    this.#closing.abort(
      new GatewayError("engine_unavailable", "The model is being unloaded.", { retryAfter: 1 }),
    );
  }

  async *#answer(
    request: GenerationRequest,
    index: number,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const { maxTokens, stopTokens, stopStrings, logprobs, prompt } = request;
    const { tokens_per_second, crash_on } = this.#options;
    const stream = new TextStream<GeneratedToken>(stopStrings);
    const room = Math.min(maxTokens, this.contextLength - prompt.length);
    let count = 0;
    let reason: "stop" | "length" = "length";
    const crash = crash_on === undefined ? undefined : Buffer.from(crash_on);
    const said: number[] = [];
    for (const id of this.#script(request, index)) {
      if (count >= room) break;
      await (tokens_per_second === 0
        ? nextTurn()
        : wait(1000 / tokens_per_second, undefined, { signal }).catch(() => {}));
      signal.throwIfAborted();
      count += 1;
      const ends = stopTokens.includes(id);
      const one = { ...token(id), ...scores(id, logprobs) };
      yield { type: "token", index, ...stream.push({ ...one, control: one.control || ends }) };
      if (ends || stream.stopped) {
        reason = "stop";
        break;
      }
      said.push(id);
      if (crash?.every((byte, at) => byte === said.at(at - crash.length))) {
        throw new GatewayError("engine_crashed", "The engine stopped.");
      }
    }
    const rest = stream.finish();
    if (rest.text !== "" || rest.tokens.length > 0) yield { type: "token", index, ...rest };
    yield { type: "finish", index, reason, completionTokens: count };
  }

  /** The answer and what ends it (less what `logit_bias` forbids), over and over: where it stops is up to the request. */
  #script({ prompt, sampling }: GenerationRequest, index: number): Iterable<number> {
    const asked = decode(prompt, false);
    const found = this.#options.answers.find(({ match }) => match === undefined || asked.includes(match));
    const texts = found?.texts ?? [asked];
    const seed = sampling.seed ?? randomInt(2 ** 47);
    const drawn = createHash("sha256").update(`${seed}/${index}`).digest().readUInt32LE();
    const text = texts[sampling.temperature === 0 ? 0 : drawn % texts.length] ?? "";
    const forbidden = new Set(sampling.logitBias.filter(([, bias]) => bias <= -100).map(([id]) => id));
    const script = [...new TextEncoder().encode(text), END, END_OF_TEXT].filter((id) => !forbidden.has(id));
    return endlessly(script.length === 0 ? [0x20] : script);
  }

  #validate(request: GenerationRequest): void {
    const { prompt, maxTokens, sampling, stopTokens } = request;
    const param = unscripted(request);
    if (param !== undefined) {
      const message = `'${param}' is not supported with this model: its answers come from a script.`;
      throw new GatewayError("unsupported_parameter", message, { param });
    }
    if (prompt.length === 0)
      throw new GatewayError("invalid_value", "The prompt is empty.", { param: "prompt" });
    checked(prompt, "prompt");
    checked(stopTokens, "stop_token_ids");
    checked(
      sampling.logitBias.map(([id]) => id),
      "logit_bias",
    );
    if (prompt.length <= this.contextLength - (maxTokens === 0 ? 0 : 1)) return;
    throw new GatewayError(
      "context_length_exceeded",
      `The model's context is ${this.contextLength} tokens; the prompt has ${prompt.length}. Shorten it.`,
      { param: "prompt" },
    );
  }
}

/** The first parameter that asks for what a script cannot give. */
function unscripted(request: GenerationRequest): string | undefined {
  const { constraint, sampling, minTokens = 0, includeStop, controlText } = request;
  if (constraint !== undefined) return constraint.param.split(/[.[]/)[0];
  if ((sampling.repetitionPenalty ?? 1) !== 1) return "repetition_penalty";
  if (minTokens > 0) return "min_tokens";
  if (includeStop === true) return "include_stop_str_in_output";
  return controlText === true ? "skip_special_tokens" : undefined;
}

function* endlessly(ids: readonly number[]): Generator<number> {
  for (;;) yield* ids;
}

function scores(id: number, count: number | null): { logprob?: number; top?: TokenAlternative[] } {
  return count === null ? {} : { logprob: Math.log(CERTAINTY), top: best(id, count) };
}

/** The token itself and the ids after it. */
function best(id: number, count: number): TokenAlternative[] {
  const others = Math.log((1 - CERTAINTY) / (VOCABULARY_SIZE - 1));
  return Array.from({ length: Math.min(count, VOCABULARY_SIZE) }, (_, rank) => ({
    ...token((id + rank) % VOCABULARY_SIZE),
    logprob: rank === 0 ? Math.log(CERTAINTY) : others,
  }));
}

function scoredPrompt(prompt: readonly number[], count: number): PromptToken[] {
  return prompt.map((id, at) =>
    at === 0
      ? { ...token(id), logprob: null, top: [] }
      : { ...token(id), logprob: Math.log(CERTAINTY), top: best(id, count) },
  );
}

import type { Model, ModelDescription, ModelStatus } from "../../src/core/driver.ts";
import {
  type GenerationEvent,
  type GenerationRequest,
  NEUTRAL,
  ORDINARY,
  type Token,
} from "../../src/core/generation.ts";
import type { Prompt } from "../../src/core/prompt.ts";
import { GatewayError } from "../../src/errors.ts";
import { checkRequest } from "../local/request-check.ts";
import type { Tokenizer } from "../local/tokenizer.ts";
import { AnswerText } from "./answer-text.ts";
import type { EngineClient } from "./client.ts";
import { type Dialect, requireAble } from "./dialect.ts";
import type { EngineLoad } from "./engine-load.ts";
import { failure } from "./failures.ts";
import { BrokenStream } from "./frames.ts";
import { Tail } from "./tail.ts";
import type { Turns } from "./turns.ts";

export interface UpstreamParts {
  readonly description: ModelDescription;
  readonly client: EngineClient;
  readonly load: EngineLoad;
  readonly dialect: Dialect;
  readonly tokenizer: Tokenizer;
  readonly endOfText: number | null;
  /** The engine's own name of the model. */
  readonly model: string;
  readonly turns: Turns;
  readonly fingerprint: string;
}

/** Failures after which an engine is not known to answer. */
const UNREACHED: readonly string[] = ["engine_unavailable", "engine_crashed"];

/** Made once: an error takes its stack along, which would be much for each request. */
const OVER = new GatewayError("engine_unavailable", "The answer is over.");

const lateError = (): GatewayError =>
  new GatewayError("engine_unavailable", "The time for the request was over before its answer began.");

/** A model that another engine serves. */
export class UpstreamModel implements Model {
  readonly name: string;
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly precision: string;
  readonly controlTokens: readonly string[];
  readonly slots: number;
  readonly fingerprint: string;
  readonly endOfText: number | null;
  readonly #parts: UpstreamParts;
  readonly #closed = new AbortController();
  /** Whether the engine answered when it was last asked. */
  #answered = true;

  constructor(parts: UpstreamParts) {
    const { name, contextLength, vocabularySize, precision, controlTokens } = parts.description;
    this.#parts = parts;
    this.name = name;
    this.contextLength = contextLength;
    this.vocabularySize = vocabularySize;
    this.precision = precision;
    this.controlTokens = controlTokens;
    this.slots = parts.turns.slots;
    this.fingerprint = parts.fingerprint;
    this.endOfText = parts.endOfText;
  }

  tokenize(prompt: Prompt): number[] {
    return this.#parts.tokenizer.encode(prompt);
  }

  detokenize(tokens: readonly number[], options: { control?: boolean } = {}): string {
    return this.#parts.tokenizer.decode(tokens, options);
  }

  token(id: number): Token {
    return this.#parts.tokenizer.vocabulary.token(id);
  }

  controlToken(text: string): number | undefined {
    return this.#parts.tokenizer.controlToken(text);
  }

  async *generate(
    request: GenerationRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    signal.throwIfAborted();
    const { dialect, tokenizer, turns, load } = this.#parts;
    load.used();
    checkRequest(request, this);
    requireAble(dialect, request, this.endOfText);
    const left = new AbortController();
    const late = this.#deadline(request, left);
    const ends = AbortSignal.any([signal, left.signal, this.#closed.signal]);
    const answers = Array.from(
      { length: request.choices },
      (_, index) => new AnswerText(request, index, tokenizer),
    );
    try {
      await turns.take(request.priority, ends);
      try {
        yield* this.#answer(request, answers, { signal: ends, stop: () => left.abort(OVER) });
      } finally {
        turns.free();
      }
      this.#answered = true;
    } catch (error) {
      signal.throwIfAborted();
      if (left.signal.aborted && answers.some(({ begun }) => begun)) {
        for (const answer of answers) yield* answer.cut();
        return;
      }
      this.#closed.signal.throwIfAborted();
      const told = failure(
        error,
        answers.some(({ begun }) => begun),
      );
      this.#answered = !UNREACHED.includes(told.code);
      throw told;
    } finally {
      clearTimeout(late);
      left.abort(OVER);
    }
  }

  async *#answer(
    request: GenerationRequest,
    answers: readonly AnswerText[],
    { signal, stop }: { signal: AbortSignal; stop: () => void },
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const { dialect, client, model, tokenizer } = this.#parts;
    const asked = { client, request, model, tokenizer, endOfText: this.endOfText, signal };
    const start = {
      type: "start",
      promptTokens: request.prompt.length,
      cachedTokens: 0,
      queuedMs: 0,
    } as const;
    const tail = new Tail(stop);
    let begun = false;
    let cached: number | undefined;
    try {
      for await (const piece of dialect.answer(asked)) {
        // Much of an answer may have arrived at once: none of it is passed on after an abort.
        signal.throwIfAborted();
        if (piece.type === "cached") {
          cached = Math.min(piece.tokens, request.prompt.length);
          continue;
        }
        if (tail.last !== undefined) continue;
        if (piece.type === "prompt") {
          begun = true;
          yield { ...start, promptLogprobs: piece.scores };
          continue;
        }
        if (!begun) yield start;
        begun = true;
        const answer = answers[piece.index];
        if (answer === undefined)
          throw new BrokenStream(`it answered choice ${piece.index} of ${answers.length}`);
        for (const event of answer.push(piece)) {
          if (event.type === "finish" && answers.every(({ finished }) => finished)) tail.begin(event);
          else yield event;
        }
        signal.throwIfAborted();
      }
    } catch (error) {
      // What follows an answer's end is wanted, not needed.
      if (tail.last === undefined) throw error;
    } finally {
      tail.end();
    }
    if (tail.last === undefined) throw new BrokenStream("its stream ended without an end of the answer");
    yield cached === undefined ? tail.last : { ...tail.last, cachedTokens: cached };
  }

  /** Ends the answers where they stand once the request's time is up. */
  #deadline({ maxTimeMs }: GenerationRequest, left: AbortController): NodeJS.Timeout | undefined {
    if (maxTimeMs === null) return undefined;
    const end = (): void => left.abort(lateError());
    return setTimeout(end, Math.min(maxTimeMs, 2 ** 31 - 1));
  }

  status(): ModelStatus {
    const { turns, load } = this.#parts;
    const state = this.#answered ? "ready" : "unavailable";
    return {
      state,
      busySlots: turns.running,
      waiting: turns.waiting,
      memoryBytes: null,
      restarts: 0,
      ...load.now(),
    };
  }

  /** Has the engine draw one token. */
  async check(signal: AbortSignal): Promise<void> {
    const prompt = this.tokenize({ parts: [{ text: "Hello" }], end: [] });
    const sampling = { ...NEUTRAL, temperature: 0, logitBias: [], seed: null };
    const request: GenerationRequest = {
      prompt,
      choices: 1,
      maxTokens: 1,
      sampling,
      stopTokens: this.endOfText === null ? [] : [this.endOfText],
      stopStrings: [],
      logprobs: null,
      promptLogprobs: null,
      ...ORDINARY,
    };
    for await (const _ of this.generate(request, signal)) {
      // What it says is of no interest, that it says something is.
    }
  }

  async close(): Promise<void> {
    this.#closed.abort(new GatewayError("engine_unavailable", "The model is being unloaded."));
    this.#parts.load.close();
    await this.#parts.client.close();
  }
}

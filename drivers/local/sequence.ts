import type { FinishReason, GenerationRequest, Token } from "../../src/core/generation.ts";
import { type TextFragment, TextStream } from "../../src/core/text-stream.ts";
import { type Scores, score } from "./logprobs.ts";
import type { WireEvent, WirePromptToken, WireToken } from "./protocol.ts";
import type { Random } from "./random.ts";
import type { Sampler } from "./sampler.ts";
import type { Vocabulary } from "./vocabulary.ts";

interface DrawnToken extends Token {
  readonly scores: Scores | undefined;
  /** A token that ends the answer is none of its text, whatever it spells. */
  readonly ends: boolean;
}

/** What all choices of one request share. */
export interface RequestState {
  readonly id: number;
  readonly request: GenerationRequest;
  readonly queuedMs: number;
  /** Prompt tokens that the first choice found computed. */
  cachedTokens: number;
  /** Set once the prompt has been computed; further choices wait for it, to copy the prompt instead of computing it. */
  started: boolean;
}

export interface SequenceParts {
  readonly vocabulary: Vocabulary;
  readonly sampler: Sampler;
  readonly random: Random;
  /** Most tokens of prompt and answer together. */
  readonly contextLength: number;
}

/** One choice of one request: the tokens so far, and what becomes of each row of logits that the engine gives. */
export class Sequence {
  readonly index: number;
  readonly #request: GenerationRequest;
  readonly #parts: SequenceParts;
  readonly #text: TextStream<DrawnToken>;
  readonly #counts = new Map<number, number>();
  readonly #promptScores: WirePromptToken[];
  /** The prompt and what was drawn; the engine has seen the first `computed` of them. */
  readonly tokens: number[];
  computed = 0;
  #drawn = 0;
  finished = false;

  constructor(request: GenerationRequest, index: number, parts: SequenceParts) {
    this.index = index;
    this.#request = request;
    this.#parts = parts;
    this.#text = new TextStream(request.stopStrings);
    this.tokens = [...request.prompt];
    const [first] = request.prompt;
    this.#promptScores = first === undefined ? [] : [{ id: first, logprob: null, top: [] }];
  }

  get decoding(): boolean {
    return this.computed >= this.#request.prompt.length;
  }

  get pending(): number {
    return this.tokens.length - this.computed;
  }

  /** Only the first choice scores the prompt, for all. */
  get scoresPrompt(): boolean {
    return this.#request.promptLogprobs !== null && this.index === 0;
  }

  get promptScores(): readonly WirePromptToken[] | undefined {
    return this.scoresPrompt ? this.#promptScores : undefined;
  }

  /** Scores the prompt token that follows position `position`, whose row this is. */
  scorePrompt(position: number, row: Float32Array): void {
    const id = this.#request.prompt[position + 1];
    if (id === undefined) return;
    const { logprob, top } = score(row, id, this.#request.promptLogprobs ?? 0);
    this.#promptScores.push({ id, logprob, top });
  }

  /** Draws the next token from the row behind the last token, and returns what there is to tell. */
  draw(row: Float32Array): WireEvent[] {
    const { maxTokens, sampling, stopTokens, logprobs } = this.#request;
    if (maxTokens === 0) return this.#finish("length");
    const { sampler, random, vocabulary, contextLength } = this.#parts;
    const id = sampler.sample(row, sampling, this.#counts, () => random.next());
    const scores = logprobs === null ? undefined : score(row, id, logprobs);
    this.tokens.push(id);
    this.#drawn += 1;
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    const ends = stopTokens.includes(id);
    const token = vocabulary.token(id);
    const events = this.#told(this.#text.push({ ...token, control: token.control || ends, scores, ends }));
    if (ends || this.#text.stopped) return [...events, ...this.#finish("stop")];
    if (this.#drawn >= maxTokens || this.tokens.length >= contextLength) {
      return [...events, ...this.#finish("length")];
    }
    return events;
  }

  #finish(reason: FinishReason): WireEvent[] {
    this.finished = true;
    return [
      ...this.#told(this.#text.finish()),
      { type: "finish", index: this.index, reason, completionTokens: this.#drawn },
    ];
  }

  #told({ text, tokens }: TextFragment<DrawnToken>): WireEvent[] {
    if (text === "" && tokens.length === 0) return [];
    return [{ type: "token", index: this.index, text, tokens: tokens.map((token) => this.#wire(token)) }];
  }

  #wire({ id, bytes, scores, ends }: DrawnToken): WireToken {
    const cut = bytes.length < this.#parts.vocabulary.bytes(id).length ? { cut: bytes.length } : {};
    const end: { ends?: true } = ends ? { ends } : {};
    return { id, ...cut, ...end, ...scores };
  }
}

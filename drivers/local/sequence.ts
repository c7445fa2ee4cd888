import type { FinishReason, GenerationRequest, Token } from "../../src/core/generation.ts";
import { type TextFragment, TextStream } from "../../src/core/text-stream.ts";
import type { SlotInput } from "./engine.ts";
import type { Matcher } from "./grammar/matcher.ts";
import type { RowKernel } from "./kernel/row-kernel.ts";
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

export interface SequenceParts {
  readonly vocabulary: Vocabulary;
  readonly sampler: Sampler;
  readonly kernel: RowKernel;
  readonly random: Random;
  /** Most tokens of prompt and answer together. */
  readonly contextLength: number;
  /** How many prompt tokens its slot holds already. */
  readonly computed: number;
  /** What is known of their scores, by their place; the list grows with what is scored. */
  readonly scores: (Scores | undefined)[];
  /** Follows the answer where it is constrained. */
  readonly matcher: Matcher | undefined;
}

/** Tokens, or a part of those that may be drawn, that a constraint with `closes` keeps. */
const CLOSING_TOKENS = 32;
const CLOSING_PART = 1 / 4;

/** One choice of one request: the tokens so far, and what becomes of each row of logits that the engine gives. */
export class Sequence {
  readonly index: number;
  readonly #request: GenerationRequest;
  readonly #parts: SequenceParts;
  readonly #text: TextStream<DrawnToken>;
  readonly #counts = new Map<number, number>();
  /** All tokens so far, each once; undefined where no penalty asks for them. */
  readonly #seen: Set<number> | undefined;
  /** The prompt and what was drawn; the engine has seen the first `computed` of them. */
  readonly tokens: number[];
  computed: number;
  /** Scores of the prompt's tokens, by their place; the first has none. */
  readonly scores: (Scores | undefined)[];
  #drawn = 0;
  finished = false;

  constructor(request: GenerationRequest, index: number, parts: SequenceParts) {
    this.index = index;
    this.#request = request;
    this.#parts = parts;
    this.#text = new TextStream(request.stopStrings, request.includeStop);
    this.#text.armed = (request.minTokens ?? 0) === 0;
    const { repetitionPenalty = 1 } = request.sampling;
    this.#seen = repetitionPenalty === 1 ? undefined : new Set(request.prompt);
    this.tokens = [...request.prompt];
    this.computed = parts.computed;
    this.scores = parts.scores;
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

  /** The next `count` of its tokens that the engine has not seen, for its slot. */
  input(slot: number, count: number): SlotInput {
    const last = count === this.pending ? "last" : "none";
    return {
      slot,
      position: this.computed,
      tokens: this.tokens.slice(this.computed, this.computed + count),
      logits: this.scoresPrompt && !this.decoding ? "every" : last,
    };
  }

  /** Scores the prompt token that follows position `position`, whose row this is. */
  scorePrompt(position: number, row: Float32Array): void {
    const id = this.#request.prompt[position + 1];
    if (id === undefined) return;
    this.scores[position + 1] = score(this.#parts.kernel, row, id, this.#request.promptLogprobs ?? 0);
  }

  /** The scored prompt, complete once it is computed; undefined where it was not asked for. */
  get promptScores(): readonly WirePromptToken[] | undefined {
    const { prompt, promptLogprobs } = this.#request;
    if (promptLogprobs === null || !this.scoresPrompt) return undefined;
    return prompt.map((id, at) => {
      const known = at === 0 ? undefined : this.scores[at];
      if (known === undefined) return { id, logprob: null, top: [] };
      return { id, logprob: known.logprob, top: known.top.slice(0, promptLogprobs) };
    });
  }

  /** Draws the next token from the row behind the last token, and returns what there is to tell. */
  draw(row: Float32Array): WireEvent[] {
    const { maxTokens, sampling, stopTokens, logprobs, includeStop, controlText } = this.#request;
    if (maxTokens === 0) return this.end("length");
    const { sampler, kernel, random, vocabulary, contextLength, matcher } = this.#parts;
    const closing = this.#closing;
    if (closing && matcher?.complete) return this.end("stop");
    const closer = closing ? matcher?.closer : undefined;
    const drawn =
      closer ??
      sampler.sample(row, sampling, this.#counts, () => random.next(), this.#restriction, this.#seen);
    // An end that is too soon is a wish to come to one.
    const ended = stopTokens.includes(drawn);
    const id = ended && matcher?.complete === false ? (matcher.closer ?? drawn) : drawn;
    const scores = logprobs === null ? undefined : score(kernel, row, id, logprobs);
    this.tokens.push(id);
    this.#drawn += 1;
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    this.#seen?.add(id);
    if (this.#drawn > this.#minTokens) this.#text.armed = true;
    const ends = stopTokens.includes(id);
    const token = vocabulary.token(id);
    const hidden = (token.control && controlText !== true) || (ends && includeStop !== true);
    const events = this.#told(this.#text.push({ ...token, control: hidden, scores, ends }));
    if (!ends) matcher?.advance(token.bytes);
    if (ends || this.#text.stopped || matcher?.ended) return [...events, ...this.end("stop")];
    if (this.#drawn >= maxTokens || this.tokens.length >= contextLength) {
      return [...events, ...this.end("length")];
    }
    return events;
  }

  /** Whether the answer has to come to its end now, lest it be cut in the middle. */
  get #closing(): boolean {
    const { constraint, maxTokens } = this.#request;
    if (constraint?.closes !== true) return false;
    const left = Math.min(maxTokens - this.#drawn, this.#parts.contextLength - this.tokens.length);
    return left <= Math.min(CLOSING_TOKENS, Math.ceil(maxTokens * CLOSING_PART));
  }

  get #minTokens(): number {
    return this.#request.minTokens ?? 0;
  }

  /** Which tokens may be drawn next; undefined: all. */
  get #restriction(): ((allowed: Uint32Array) => void) | undefined {
    const { matcher } = this.#parts;
    const { stopTokens } = this.#request;
    const early = this.#drawn < this.#minTokens;
    if (matcher !== undefined) return (allowed) => matcher.allowOrClose(allowed, early ? [] : stopTokens);
    if (!early) return undefined;
    return (allowed) => {
      allowed.fill(0xffffffff);
      for (const id of stopTokens) allowed[id >>> 5] = (allowed[id >>> 5] ?? 0) & ~(1 << (id & 31));
    };
  }

  /** Ends the answer where it stands. */
  end(reason: FinishReason): WireEvent[] {
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
    const end: { ends?: true } = ends && this.#request.includeStop !== true ? { ends } : {};
    return { id, ...cut, ...end, ...scores };
  }
}

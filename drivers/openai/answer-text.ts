import type { GeneratedToken, GenerationEvent, GenerationRequest, Token } from "../../src/core/generation.ts";
import { TextStream } from "../../src/core/text-stream.ts";
import type { Tokenizer } from "../local/tokenizer.ts";
import type { DrawnToken, Piece } from "./dialect.ts";

interface ToldToken extends Token {
  readonly drawn: DrawnToken;
}

/** Makes one answer's text of what an engine tells: the same rules as for engines of this machine, by the same tokenizer. */
export class AnswerText {
  readonly #request: GenerationRequest;
  readonly #index: number;
  readonly #tokenizer: Tokenizer;
  readonly #text: TextStream<ToldToken>;
  #drawn = 0;
  /** What came as text without tokens. */
  #untold = "";
  finished = false;

  constructor(request: GenerationRequest, index: number, tokenizer: Tokenizer) {
    this.#request = request;
    this.#index = index;
    this.#tokenizer = tokenizer;
    this.#text = new TextStream(request.stopStrings, request.includeStop);
    this.#text.armed = (request.minTokens ?? 0) === 0;
  }

  /** Whether anything of it has come. */
  get begun(): boolean {
    return this.#drawn > 0 || this.#untold !== "" || this.finished;
  }

  /** Ends the answer where it stands. */
  *cut(): Generator<GenerationEvent> {
    if (!this.finished) yield* this.#finish("length");
  }

  /** What there is to tell of a piece; nothing after the end. */
  *push(piece: Exclude<Piece, { type: "prompt" | "cached" }>): Generator<GenerationEvent> {
    if (this.finished) return;
    if (piece.type === "text") {
      this.#untold += piece.text;
      yield { type: "token", index: this.#index, text: piece.text, tokens: [] };
    } else if (piece.type === "finish") {
      yield* this.#finish(piece.reason, piece.completionTokens);
    } else {
      for (const token of piece.tokens) {
        if (!this.finished) yield* this.#push(token);
      }
    }
  }

  *#push(drawn: DrawnToken): Generator<GenerationEvent> {
    const { stopTokens, includeStop, controlText, minTokens = 0, maxTokens } = this.#request;
    this.#drawn += 1;
    if (this.#drawn > minTokens) this.#text.armed = true;
    const token = this.#tokenizer.vocabulary.token(drawn.id);
    const ends = stopTokens.includes(drawn.id);
    const hidden = (token.control && controlText !== true) || (ends && includeStop !== true);
    const { text, tokens } = this.#text.push({ ...token, control: hidden, drawn });
    yield* this.#told(text, tokens);
    if (ends || this.#text.stopped) yield* this.#finish("stop");
    else if (this.#drawn >= maxTokens) yield* this.#finish("length");
  }

  *#finish(reason: "stop" | "length", counted?: number): Generator<GenerationEvent> {
    this.finished = true;
    const { text, tokens } = this.#text.finish();
    yield* this.#told(text, tokens);
    yield {
      type: "finish",
      index: this.#index,
      reason,
      completionTokens: counted ?? this.#drawn + this.#untoldTokens,
    };
  }

  /** Where an engine counts nothing, its text is counted by the tokenizer here. */
  get #untoldTokens(): number {
    return this.#untold === ""
      ? 0
      : this.#tokenizer.encode({ parts: [{ text: this.#untold }], end: [] }).length;
  }

  *#told(text: string, tokens: readonly ToldToken[]): Generator<GenerationEvent> {
    if (text === "" && tokens.length === 0) return;
    yield { type: "token", index: this.#index, text, tokens: tokens.map((token) => this.#generated(token)) };
  }

  #generated({ drawn, ...token }: ToldToken): GeneratedToken {
    const { logprob, top = [] } = drawn;
    if (logprob === undefined) return token;
    return {
      ...token,
      logprob,
      top: top.map(([id, value]) => ({ ...this.#tokenizer.vocabulary.token(id), logprob: value })),
    };
  }
}

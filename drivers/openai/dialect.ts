import { z } from "zod";
import type { FinishReason, GenerationRequest, PromptToken } from "../../src/core/generation.ts";
import { GatewayError } from "../../src/errors.ts";
import type { Tokenizer } from "../local/tokenizer.ts";
import type { EngineClient } from "./client.ts";

/** A token that an engine drew, with its log-probability where it was asked for. */
export interface DrawnToken {
  readonly id: number;
  readonly logprob?: number;
  /** The likeliest tokens in its place, best first. */
  readonly top?: readonly (readonly [id: number, logprob: number])[];
}

/** What an engine tells of an answer, in the order in which it tells it. */
export type Piece =
  /** How many tokens of the prompt it need not compute; comes when it comes. */
  | { readonly type: "cached"; readonly tokens: number }
  | { readonly type: "prompt"; readonly scores: readonly PromptToken[] }
  | { readonly type: "tokens"; readonly index: number; readonly tokens: readonly DrawnToken[] }
  /** Of engines that tell no tokens. */
  | { readonly type: "text"; readonly index: number; readonly text: string }
  | {
      readonly type: "finish";
      readonly index: number;
      readonly reason: FinishReason;
      /** Where the engine counts them. */
      readonly completionTokens?: number;
    };

export interface Asked {
  readonly client: EngineClient;
  readonly request: GenerationRequest;
  /** The engine's own name of the model. */
  readonly model: string;
  readonly tokenizer: Tokenizer;
  readonly endOfText: number | null;
  readonly signal: AbortSignal;
}

/** How one kind of engine is asked for an answer. */
export interface Dialect {
  /** The first parameter that asks for what this engine cannot do; undefined where there is none. */
  cannot(request: GenerationRequest, endOfText: number | null): string | undefined;
  /** Throws GatewayError, or `signal.reason`. Leaving the loop ends the engine's work. */
  answer(asked: Asked): AsyncGenerator<Piece, void, undefined>;
}

/** Refuses by name what an engine cannot do. */
export function requireAble(dialect: Dialect, request: GenerationRequest, endOfText: number | null): void {
  const param = dialect.cannot(request, endOfText);
  if (param === undefined) return;
  throw new GatewayError(
    "unsupported_parameter",
    `'${param}' is not supported by the engine that serves this model.`,
    {
      param,
    },
  );
}

/** The request's field that a constraint comes from. */
export const constraintParam = ({ constraint }: GenerationRequest): string | undefined =>
  constraint?.param.split(/[.[]/)[0];

/** A reason to finish that an engine gives; undefined while it gives none, or one that is no end of an answer. */
export const finishReason = (value: unknown): FinishReason | undefined =>
  value === "length"
    ? "length"
    : value === "stop" || value === "eos_token" || value === "stop_sequence"
      ? "stop"
      : undefined;

const usage = z.looseObject({
  prompt_tokens_details: z.looseObject({ cached_tokens: z.int().min(0).nullish() }).nullish(),
});

/** What a `usage` says of the engine's cache; undefined where it says nothing that can be read. */
export const cachedTokens = (value: unknown): number | undefined =>
  usage.safeParse(value).data?.prompt_tokens_details?.cached_tokens ?? undefined;

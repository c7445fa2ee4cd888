import type { TraceContext } from "./trace-context.ts";

/** How probabilities are shaped before a token is drawn. */
export interface SamplingParameters {
  /** 0 to 2; 0 takes the most likely token. */
  readonly temperature: number;
  /** Above 0, up to 1; 1 turns it off. */
  readonly topP: number;
  /** 0 turns it off. */
  readonly topK: number;
  /** 0 to 1; 0 turns it off. */
  readonly minP: number;
  /** -2 to 2, once for each token that was generated before. OpenAI's formula. */
  readonly presencePenalty: number;
  /** -2 to 2, times the count of each token that was generated before. OpenAI's formula. */
  readonly frequencyPenalty: number;
}

/** The model's own distribution, as it is. */
export const NEUTRAL: SamplingParameters = {
  temperature: 1,
  topP: 1,
  topK: 0,
  minP: 0,
  presencePenalty: 0,
  frequencyPenalty: 0,
};

/** How the next token is drawn. */
export interface Sampling extends SamplingParameters {
  /** `[token id, bias]` pairs added to the logits; -100 to 100. */
  readonly logitBias: readonly (readonly [id: number, bias: number])[];
  /** A safe integer; null draws a fresh seed. */
  readonly seed: number | null;
  /**
   * Above 0; absent or 1: off. A logit of a token of the prompt or the answer is divided by it where it is positive, and
   * multiplied where it is not (Hugging Face's `RepetitionPenaltyLogitsProcessor`).
   */
  readonly repetitionPenalty?: number;
}

/**
 * What an answer must be; a driver enforces all of it or refuses the request. `param` is the request field that says so,
 * for messages.
 */
export type Constraint = {
  readonly param: string;
  /** Its last tokens are kept for the ends of strings, objects and arrays, so that it is whole wherever that is possible. */
  readonly closes?: boolean;
} & (
  | {
      readonly type: "json_schema";
      /** JSON Schema, 2020-12 or draft 7: an object, `true` or `false`. */
      readonly schema: unknown;
      /** Members come in the order in which the schema names them. */
      readonly ordered: boolean;
      /**
       * Members that the schema does not name may come where it names others and says nothing of the rest. A model that may
       * invent names seldom comes to those that were asked for: absent or false, it may not.
       */
      readonly open?: boolean;
    }
  /** A regular expression that the whole answer matches. */
  | { readonly type: "regex"; readonly pattern: string }
  | { readonly type: "choice"; readonly choices: readonly string[] }
  /** GBNF or EBNF, from the rule `root` on. */
  | { readonly type: "grammar"; readonly grammar: string }
  | {
      /** Calls of functions, each on a line: `callHead`, the arguments as JSON, `}`. */
      readonly type: "calls";
      readonly functions: readonly CallableFunction[];
      /** Most calls of an answer. */
      readonly most: number;
      /** What the answer may be instead: nothing else, any text that begins with no `{`, or what another constraint allows. */
      readonly otherwise: "nothing" | "text" | Constraint;
    }
);

/** A function that an answer may call. */
export interface CallableFunction {
  readonly name: string;
  /** JSON Schema of its arguments. */
  readonly schema: unknown;
  /** Members come in the order in which the schema names them. */
  readonly ordered: boolean;
  /** The request field that holds the schema, for messages. */
  readonly param: string;
}

/** How the call of a function begins, before its arguments. */
export const callHead = (name: string): string => `{"name": ${JSON.stringify(name)}, "arguments": `;

/** When a request is served, and what of its prompt others may share. */
export interface Scheduling {
  /** Of those that wait, the lower goes first; an integer, usually 0. */
  readonly priority: number;
  /** Whose request it is: tenants are served in turn, and what is kept of one's prompts is not used for another. */
  readonly tenant: string;
  /** How many of the first prompt tokens are the template's own, which every tenant's prompts may share. */
  readonly sharedPrefix: number;
  /** Milliseconds after its arrival at which its answers end with `length`; null: never. */
  readonly maxTimeMs: number | null;
}

/** A request like any other. */
export const ORDINARY: Scheduling = { priority: 0, tenant: "", sharedPrefix: 0, maxTimeMs: null };

/** One prompt and the answers wanted for it. */
export interface GenerationRequest extends Scheduling {
  /** Token ids, at least one, each inside the vocabulary; shorter than the context unless `maxTokens` is 0. */
  readonly prompt: readonly number[];
  /** How many answers; the prompt is computed once and forked. */
  readonly choices: number;
  /** Most tokens of one answer, the end token included; 0 only scores the prompt. */
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Token ids that end an answer; they are counted and reported, and are no part of the text. */
  readonly stopTokens: readonly number[];
  /** Strings that end an answer; neither they nor a part of them is ever in the text. */
  readonly stopStrings: readonly string[];
  /** Tokens that an answer has at least: before, neither a stop token is drawn nor a stop string found. Absent: 0. */
  readonly minTokens?: number;
  /** What ended the answer, token or string, is a part of its text. */
  readonly includeStop?: boolean;
  /** Control tokens are a part of the text, by their names. */
  readonly controlText?: boolean;
  /** What each answer must be; absent: anything. Log-probabilities are those of the model without it. */
  readonly constraint?: Constraint;
  /** Alternatives to report beside each generated token (0: its own log-probability only); null: none at all. */
  readonly logprobs: number | null;
  /** The same for the prompt's own tokens. */
  readonly promptLogprobs: number | null;
  /** The trace that it belongs to, for a driver that has it computed elsewhere; changes nothing of the answer. */
  readonly trace?: TraceContext;
}

/** A vocabulary entry. */
export interface Token {
  readonly id: number;
  /** UTF-8 bytes that the token spells, maybe not whole characters; for a control token, its name. */
  readonly bytes: Uint8Array;
  /** Control tokens are no part of the answer's text. */
  readonly control: boolean;
}

export interface TokenAlternative extends Token {
  /** Natural logarithm of the probability under the model's own distribution (before sampling parameters). */
  readonly logprob: number;
}

export interface GeneratedToken extends Token {
  /** Present where the request asked for log-probabilities. */
  readonly logprob?: number;
  /** The most likely tokens in its place, best first; present with `logprob`. */
  readonly top?: readonly TokenAlternative[];
}

export interface PromptToken extends Token {
  /** null for the first token, which nothing precedes. */
  readonly logprob: number | null;
  readonly top: readonly TokenAlternative[];
}

export type FinishReason = "stop" | "length";

/**
 * What a model yields for one request: one `start`, then `token`s of all choices interleaved, then one `finish` for
 * each choice. Failure is thrown, never an event.
 */
export type GenerationEvent =
  | {
      readonly type: "start";
      readonly promptTokens: number;
      /** Prompt tokens whose keys and values were reused. */
      readonly cachedTokens: number;
      /** Milliseconds between arrival and the first step. */
      readonly queuedMs: number;
      readonly promptLogprobs?: readonly PromptToken[];
    }
  | {
      readonly type: "token";
      readonly index: number;
      /** What can be sent now: whole characters, without anything that may yet become a stop string; may be "". */
      readonly text: string;
      /** Tokens that are now complete in the text (all of them sent, or cut by a stop string, which shortens `bytes`). */
      readonly tokens: readonly GeneratedToken[];
    }
  | {
      readonly type: "finish";
      readonly index: number;
      readonly reason: FinishReason;
      /** Generated tokens of this choice, the end token included. */
      readonly completionTokens: number;
      /** Prompt tokens that were reused, of an engine that tells it only now: beside what the start said, which is 0 then. */
      readonly cachedTokens?: number;
    };

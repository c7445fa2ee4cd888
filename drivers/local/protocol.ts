import type { FinishReason, GenerationRequest } from "../../src/core/generation.ts";
import type { ErrorCode } from "../../src/errors.ts";
import type { EngineInfo } from "./engine.ts";
import type { ScoredId } from "./logprobs.ts";
import type { PackedVocabulary } from "./vocabulary.ts";

/** Changes with every change of a message, so that two builds of the gateway never talk past each other. */
export const PROTOCOL_VERSION = 4;

export interface RoomLimits {
  /** Most prompt tokens of a step while answers are running; null: by their pace. */
  readonly prefillChunk: number | null;
  /** Whether what is kept of one tenant's prompts is used for all. */
  readonly sharePrefixCache: boolean;
  /** Most requests that wait for a slot. */
  readonly maxQueue: number;
  /** Longest wait for a slot, in milliseconds. */
  readonly queueTimeoutMs: number;
}

export interface LoadMessage {
  readonly type: "load";
  readonly version: number;
  /** URL of the engine's module. */
  readonly module: string;
  /** What that module's `load` takes; structured-clone values. */
  readonly options: object;
  readonly vocabulary: PackedVocabulary;
  readonly limits: RoomLimits;
}

/** From the gateway to the engine process. */
export type ToEngine =
  | LoadMessage
  | { readonly type: "generate"; readonly id: number; readonly request: GenerationRequest }
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "ping"; readonly id: number };

/** A token by its id; what it spells is looked up at the other end. */
export interface WireToken {
  readonly id: number;
  /** How many of its bytes are in the text, where a stop string cut it. */
  readonly cut?: number;
  /** Present on the token that ends the answer, which is none of its text. */
  readonly ends?: true;
  readonly logprob?: number;
  readonly top?: readonly ScoredId[];
}

export interface WirePromptToken {
  readonly id: number;
  readonly logprob: number | null;
  readonly top: readonly ScoredId[];
}

export interface WireError {
  readonly type: "error";
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfter?: number;
  /** The request field that is to blame. */
  readonly param?: string;
}

/** Told after every step and every change between steps: that it comes at all shows that the engine makes progress. */
export interface StepReport {
  readonly type: "events";
  readonly events: readonly (readonly [id: number, event: WireEvent])[];
  /** Slots in use. */
  readonly busy: number;
  /** Requests that wait for a slot. */
  readonly waiting: number;
  /** 0 to 1: how much of the KV cache holds tokens of running answers. */
  readonly kvUsage: number;
  /** Resident bytes of the process, at most a second old while it computes. */
  readonly memoryBytes: number;
}

/** GenerationEvent of src/core/generation.ts with token ids in place of tokens; an error ends the stream. */
export type WireEvent =
  /** The request has got its slot: from now on the engine may be computing it. */
  | { readonly type: "running" }
  | {
      readonly type: "start";
      readonly promptTokens: number;
      readonly cachedTokens: number;
      readonly queuedMs: number;
      readonly promptTokenScores?: readonly WirePromptToken[];
    }
  | {
      readonly type: "token";
      readonly index: number;
      readonly text: string;
      readonly tokens: readonly WireToken[];
    }
  | {
      readonly type: "finish";
      readonly index: number;
      readonly reason: FinishReason;
      readonly completionTokens: number;
    }
  | WireError;

/** From the engine process to the gateway. */
export type FromEngine =
  | { readonly type: "progress"; readonly fraction: number }
  | { readonly type: "ready"; readonly info: EngineInfo }
  | { readonly type: "failed"; readonly message: string }
  | StepReport
  | { readonly type: "pong"; readonly id: number };

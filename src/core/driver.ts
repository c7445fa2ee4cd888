import type { output, ZodObject } from "zod";
import type { Finding } from "./finding.ts";
import type { GenerationEvent, GenerationRequest, Token } from "./generation.ts";
import type { Log } from "./log.ts";
import type { MachineFacts } from "./machine.ts";
import type { NativePackage } from "./native-package.ts";
import type { ModelNeed, PlannedModel } from "./need.ts";
import type { Prompt } from "./prompt.ts";

/** What is known of a model without loading its weights. */
export interface ModelDescription {
  /** Base name, such as `dolly-v2-3b`. */
  readonly name: string;
  /** Most tokens of prompt and answer together. */
  readonly contextLength: number;
  readonly vocabularySize: number;
  /** Of the weights as served: `f32`, `f16`, `q8_0` … */
  readonly precision: string;
  /** Control strings of its tokenizer. */
  readonly controlTokens: readonly string[];
}

/** What a loaded model does at the moment. */
export interface ModelStatus {
  /** `restarting`: its engine died and is being started again; `unavailable`: it kept dying and rests. */
  readonly state: "ready" | "restarting" | "unavailable";
  readonly busySlots: number;
  /** Requests that wait for a slot. */
  readonly waiting: number;
  /** Resident bytes of the engine's process; null where there is none. */
  readonly memoryBytes: number | null;
  /** How often its engine was started again. */
  readonly restarts: number;
  /** 0 to 1: how much of its KV cache holds tokens of running answers; absent where that is not known. */
  readonly kvUsage?: number;
  /** Requests that wait in an engine which others use too; absent where it does not say. */
  readonly engineWaiting?: number;
}

/** A loaded model. Its native code runs elsewhere: nothing here blocks longer than tokenising one prompt. */
export interface Model extends ModelDescription {
  /** Sequences that run at the same time. */
  readonly slots: number;
  /** Changes exactly when the weights' content, the driver or the precision changes; hexadecimal. */
  readonly fingerprint: string;
  /** The tokenizer's end of text. */
  readonly endOfText: number | null;
  /** Throws GatewayError `invalid_value` for an id outside the vocabulary or an unknown control string. */
  tokenize(prompt: Prompt): number[];
  /** Text of the ids, byte-exact; control tokens are left out unless `control` is true. */
  detokenize(tokens: readonly number[], options?: { control?: boolean }): string;
  token(id: number): Token;
  /** Id of a control string, or undefined. */
  controlToken(text: string): number | undefined;
  /**
   * Throws GatewayError before the first event (overloaded, too long, engine unavailable) or between events
   * (engine_crashed); throws `signal.reason` when aborted. Leaving the loop early stops the work within a step.
   */
  generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent, void, undefined>;
  status(): ModelStatus;
  /** Resolves when the engine makes progress; rejects with what is wrong. */
  check(signal: AbortSignal): Promise<void>;
  /** Ends running requests with an error and frees everything; a second call is harmless. */
  close(): Promise<void>;
}

export interface Progress {
  /** What is being done, such as "converting dolly-v2-tiny to f16". */
  readonly task: string;
  /** 0 to 1. */
  readonly fraction: number;
  /** How it goes at the moment, such as "84 MB/s, 54 s left". */
  readonly detail?: string;
}

export interface LoadContext {
  /** Public name of the model, for messages. */
  readonly name: string;
  /** Where converted models are kept. */
  readonly cacheDir: string;
  /** Upper bound for the context, in tokens, from the config. */
  readonly maxModelLen: number | undefined;
  readonly log: Log;
  readonly onProgress: (progress: Progress) => void;
}

/** A driver with the options of one placement. */
export interface BoundDriver {
  readonly driver: string;
  /** As `Driver.loadsWeights`; absent: it does. */
  readonly loadsWeights?: boolean;
  /** Fetches files that are elsewhere, for the two below; absent where all are here. Throws OperatorError. */
  fetch?(context: LoadContext, signal: AbortSignal): Promise<void>;
  /** Reads headers only; throws OperatorError that names the file. */
  inspect(context: LoadContext): Promise<ModelDescription>;
  /** Throws OperatorError for files, GatewayError `model_load_failed` for engines. */
  load(context: LoadContext, signal: AbortSignal): Promise<Model>;
}

/** What plans ask of a placement without loading anything. */
export interface Planned {
  /**
   * What a model takes on a machine; a sentence where this driver cannot run it. Undefined where another engine computes.
   */
  need(
    model: PlannedModel,
    machine: Pick<MachineFacts, "gpus" | "providers">,
  ): ModelNeed | string | undefined;
  /** The model in the files that the options name; undefined where they name none. Throws OperatorError. */
  model(): Promise<PlannedModel | undefined>;
  /** Whether a model that does not fit is refused: the option `memory_check` of drivers that have it. */
  readonly memoryCheck: boolean;
}

export interface Driver {
  readonly name: string;
  /** One sentence for the documentation. */
  readonly about: string;
  /** Its part of the config schema; strict, snake_case, every option described. */
  readonly options: ZodObject;
  /** Options that hold paths; relative ones are resolved against the config file's folder. */
  readonly paths: readonly string[];
  /** Parses the options of one placement. */
  bind(options: unknown): BoundDriver;
  plan(options: unknown): Planned;
  /** Whether each process that loads a model holds its weights: several must not by accident. */
  readonly loadsWeights: boolean;
  /** Packages of libraries that it can open and that `dolly install` brings into a cache. */
  readonly nativePackages: readonly NativePackage[];
  /** Builds for GPUs that are installed, by npm or in a cache, such as `cuda`. */
  providers(cacheDir: string): readonly string[];
  /** Whether what it needs on such a machine is installed. */
  diagnose(machine: Pick<MachineFacts, "gpus">, cacheDir: string): readonly Finding[];
}

export interface DriverDefinition<Options extends ZodObject> {
  readonly name: string;
  readonly about: string;
  readonly options: Options;
  readonly paths: readonly (keyof output<Options> & string)[];
  /** false: loading costs next to nothing, for the weights are elsewhere. */
  readonly loadsWeights?: false;
  need?(
    options: output<Options>,
    model: PlannedModel,
    machine: Pick<MachineFacts, "gpus" | "providers">,
  ): ModelNeed | string | undefined;
  model?(options: output<Options>): Promise<PlannedModel>;
  readonly nativePackages?: readonly NativePackage[];
  providers?(cacheDir: string): readonly string[];
  diagnose?(machine: Pick<MachineFacts, "gpus">, cacheDir: string): readonly Finding[];
  inspect(options: output<Options>, context: LoadContext): Promise<ModelDescription>;
  load(options: output<Options>, context: LoadContext, signal: AbortSignal): Promise<Model>;
}

export function defineDriver<Options extends ZodObject>(definition: DriverDefinition<Options>): Driver {
  const { name, about, options, paths } = definition;
  return {
    name,
    about,
    options,
    paths,
    loadsWeights: definition.loadsWeights ?? true,
    nativePackages: definition.nativePackages ?? [],
    providers: (cacheDir) => definition.providers?.(cacheDir) ?? [],
    diagnose: (machine, cacheDir) => definition.diagnose?.(machine, cacheDir) ?? [],
    bind(raw) {
      const parsed = options.parse(raw);
      return {
        driver: name,
        loadsWeights: definition.loadsWeights ?? true,
        inspect: (context) => definition.inspect(parsed, context),
        load: (context, signal) => definition.load(parsed, context, signal),
      };
    },
    plan(raw) {
      const parsed = options.parse(raw);
      return {
        need: (model, machine) => definition.need?.(parsed, model, machine),
        model: async () => definition.model?.(parsed),
        memoryCheck: "memory_check" in parsed && parsed["memory_check"] === true,
      };
    },
  };
}

import type { BoundDriver, Model, ModelStatus } from "../core/driver.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { GenerationObserver } from "../core/observer.ts";
import type { GenerationDefaults, MultiTurn, PromptTemplate } from "../core/template.ts";
import type { CircuitLimits, CircuitState } from "./circuit.ts";
import type { Hedging } from "./hedging.ts";
import type { PlacementState } from "./placement-state.ts";
import type { StrategyName } from "./strategy/strategies.ts";

/** One way to run a model. */
export interface Placement {
  /** Unique in the process, such as `dolly-v2-3b/0`. */
  readonly id: string;
  /** Its place among the model's placements in the config, some of which this machine may not have. */
  readonly index: number;
  /** How much of the requests it should get, beside the others' weights; above 0. */
  readonly weight: number;
  readonly driver: BoundDriver;
}

/** A model that clients can name. */
export interface Route {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Names under which `/v1/completions` takes the prompt as an instruction. */
  readonly instructAliases: readonly string[];
  readonly template: PromptTemplate;
  readonly multiTurn: MultiTurn;
  /** Whether the oldest turns may be dropped when the context is full. */
  readonly truncateHistory: boolean;
  /** The template's, overridden by the config's `parameters`. */
  readonly defaults: GenerationDefaults;
  readonly maxModelLen: number | undefined;
  /** Most alternatives to a token of a completion. */
  readonly maxLogprobs: number;
  /** Seconds after which an answer ends where it stands; 0: never. */
  readonly requestTimeout: number;
  readonly preload: boolean;
  /** Seconds without a request after which the model is unloaded; 0: never. */
  readonly ttl: number;
  readonly placements: readonly Placement[];
  readonly routing: RoutingRules;
}

/** How requests find their placement. */
export interface RoutingRules extends CircuitLimits {
  readonly strategy: StrategyName;
  /** Whether the requests of a session go to one placement. */
  readonly sessionAffinity: boolean;
  /** Placements that are tried after the first one's engine failed. */
  readonly numRetries: number;
  /** Retries for each request, 0 to 1. */
  readonly retryBudget: number;
  /** When a second placement joins one that has given no token yet; undefined: never. */
  readonly hedging: Hedging | undefined;
  /** Milliseconds after which a placement that nothing was heard of is asked whether it is well; 0: never. */
  readonly healthCheckMs: number;
  /** Milliseconds that it has to answer. */
  readonly healthCheckTimeoutMs: number;
  /** Models that answer in this one's place where none of its placements can. */
  readonly fallbacks: readonly string[];
  /** Models that answer where a prompt does not fit this one. */
  readonly contextWindowFallbacks: readonly string[];
}

/** A placement that is not tried, and why. */
export interface Skipped {
  readonly id: string;
  readonly reason: "could not be loaded" | "kept failing" | "is being probed";
}

/** How a generation found its placement. */
export interface Routing {
  /** Those that were tried, in the order of their ends: all but the last failed or were outpaced, and the last failed where it has an error. */
  readonly attempts: readonly {
    readonly id: string;
    readonly reason: string;
    readonly error?: string;
    /** It joined another, which was slow. */
    readonly hedge?: boolean;
    /** Another gave a token before. */
    readonly outpaced?: true;
  }[];
  readonly skipped: readonly Skipped[];
}

/** What a request says of itself, for the choice of its placement, and wants to be told. */
export interface RoutingHints {
  /** What the client wrote, from its beginning; asked only where the strategy wants it. */
  prefix(): string;
  /** Requests with the same one belong together. */
  readonly session: string | undefined;
  /** Called once: before the first event, or before the failure is thrown. */
  routed(routing: Routing): void;
}

export interface ResolvedRoute {
  readonly route: Route;
  /** True under an instruct alias. */
  readonly instruct: boolean;
}

/** What the gateway can say of a route without loading it. */
export interface RouteFacts {
  readonly driver: string;
  readonly precision: string;
  readonly contextLength: number;
}

/** One generation: which model serves it is known only once a lease is held, so the request is made then. */
export type Prepare = (model: Model) => GenerationRequest;

export interface Readiness {
  readonly ready: boolean;
  /** Why not, by model name. */
  readonly problems: Readonly<Record<string, string>>;
}

/** Where one placement of a model stands. */
export interface PlacementStatus {
  readonly id: string;
  readonly driver: string;
  readonly state: "unloaded" | "loading" | ModelStatus["state"] | "unloading" | "failed";
  /** 0 to 1, while it loads. */
  readonly progress: number | null;
  /** Null while no model is loaded. */
  readonly loaded: (Omit<ModelStatus, "state"> & Pick<Model, "slots" | "precision" | "contextLength">) | null;
}

/** How requests of a route find their placement at the moment. */
export interface RouteStatus {
  /** Retries that are left of the route's budget. */
  readonly retriesLeft: number;
  /** Milliseconds without a token after which another placement is asked too; null: never, or not yet known. */
  readonly hedgingMs: number | null;
  readonly placements: readonly {
    readonly placement: Placement;
    readonly circuit: CircuitState;
    /** Milliseconds until it is tried again; 0 where it may be tried now. */
    readonly restMs: number;
    readonly state: Readonly<
      Pick<PlacementState, "inFlight" | "latencyMs" | "requests" | "failures" | "lastFailure">
    >;
    /** Of the engine, where it says so. */
    readonly waiting: number | null;
  }[];
}

/** What endpoints may ask of the rest of the gateway. */
export interface Services {
  routes(): readonly Route[];
  /** Throws GatewayError `model_not_found`, or `missing_required_parameter` without a name and a default model. */
  resolve(name: string | undefined): ResolvedRoute;
  /** Facts of the first placement that can be read; null where its files cannot be. */
  facts(route: Route): Promise<RouteFacts | null>;
  /** The one path of every generation. Fails over between placements only before the first event. */
  generate(
    route: Route,
    prepare: Prepare,
    signal: AbortSignal,
    observer: GenerationObserver,
    hints?: RoutingHints,
  ): AsyncGenerator<GenerationEvent, void, undefined>;
  /** Calls `use` with a model of the route, which is loaded where it is not. Throws what `use` throws, and GatewayError. */
  withModel<Result>(route: Route, use: (model: Model) => Result, signal: AbortSignal): Promise<Result>;
  ready(signal: AbortSignal): Promise<Readiness>;
  placements(route: Route): readonly PlacementStatus[];
  routing(route: Route): RouteStatus;
  /** Loads the model unless it is loaded: the first placement that can be. Throws GatewayError. */
  load(route: Route, signal: AbortSignal): Promise<void>;
  /** Unloads every placement once its running answers have ended, within the grace period. */
  unload(route: Route): Promise<void>;
}

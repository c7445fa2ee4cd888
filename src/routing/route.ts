import type { BoundDriver, Model, ModelStatus } from "../core/driver.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { GenerationObserver } from "../core/observer.ts";
import type { GenerationDefaults, MultiTurn, PromptTemplate } from "../core/template.ts";

/** One way to run a model. */
export interface Placement {
  /** Unique in the process, such as `dolly-v2-3b/0`. */
  readonly id: string;
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
  /** Seconds after which an answer ends where it stands; 0: never. */
  readonly requestTimeout: number;
  readonly preload: boolean;
  /** Seconds without a request after which the model is unloaded; 0: never. */
  readonly ttl: number;
  readonly placements: readonly Placement[];
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
  ): AsyncGenerator<GenerationEvent, void, undefined>;
  /** Calls `use` with a model of the route, which is loaded where it is not. Throws what `use` throws, and GatewayError. */
  withModel<Result>(route: Route, use: (model: Model) => Result, signal: AbortSignal): Promise<Result>;
  ready(signal: AbortSignal): Promise<Readiness>;
  placements(route: Route): readonly PlacementStatus[];
  /** Loads the model unless it is loaded: the first placement that can be. Throws GatewayError. */
  load(route: Route, signal: AbortSignal): Promise<void>;
  /** Unloads every placement once its running answers have ended, within the grace period. */
  unload(route: Route): Promise<void>;
}

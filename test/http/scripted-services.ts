import type { Model } from "../../src/core/driver.ts";
import type {
  GeneratedToken,
  GenerationEvent,
  GenerationRequest,
  PromptToken,
  Token,
} from "../../src/core/generation.ts";
import type { PromptPart } from "../../src/core/prompt.ts";
import { TextStream } from "../../src/core/text-stream.ts";
import { GatewayError } from "../../src/errors.ts";
import type {
  PlacementStatus,
  Readiness,
  ResolvedRoute,
  Route,
  RouteStatus,
  Services,
} from "../../src/routing/route.ts";
import { dollyV2 } from "../../src/templates/dolly.ts";
import { plain } from "../../src/templates/plain.ts";
import { testRouting } from "../routing/stand-ins.ts";

/** Ids 0 to 255 are bytes; these follow. */
const CONTROLS = ["<|endoftext|>", "### Instruction:", "### Response:\n", "### End"];
const END_OF_TEXT = 256;
const VOCABULARY = 256 + CONTROLS.length;

export interface Script {
  /** What each choice answers, before the model's end. */
  answer?: (choice: number) => string;
  /** Log-probability of each token of a choice. */
  logprob?: (choice: number) => number;
  /** Awaited before the token at each place; may throw. */
  before?: (place: number, signal: AbortSignal) => Promise<unknown> | undefined;
  /** Called before the first event; may throw. */
  begin?: () => void;
  readiness?: Readiness;
}

/** Services over one model whose tokens are bytes and whose answers are scripted. Every token's probability is 1/2. */
export class ScriptedServices implements Services {
  readonly script: Script;
  readonly requests: GenerationRequest[] = [];
  /** What operators asked for. */
  readonly operations: string[] = [];
  running = 0;
  /** Tokens computed so far. */
  generated = 0;
  readonly #routes: readonly Route[];

  constructor(script: Script = {}, route: Partial<Route> = {}) {
    this.script = script;
    const common = {
      multiTurn: "stacked",
      truncateHistory: false,
      maxModelLen: undefined,
      maxLogprobs: 5,
    } as const;
    const rest = {
      ...common,
      requestTimeout: 600,
      preload: true,
      ttl: 0,
      placements: [],
      routing: testRouting(),
    };
    this.#routes = [
      {
        name: "dolly-v2-3b",
        aliases: ["gpt-4o"],
        instructAliases: ["dolly-v2-3b-instruct"],
        template: dollyV2,
        defaults: dollyV2.defaults,
        ...rest,
        ...route,
      },
      {
        name: "databricks/base",
        aliases: [],
        instructAliases: [],
        template: plain,
        defaults: plain.defaults,
        ...rest,
      },
    ];
  }

  routes = () => this.#routes;

  routing = (): RouteStatus => ({ retriesLeft: 10, hedgingMs: null, placements: [] });

  resolve(name: string | undefined): ResolvedRoute {
    if (name === undefined) {
      throw new GatewayError("missing_required_parameter", "you must provide a model parameter", {
        param: "model",
      });
    }
    for (const route of this.#routes) {
      if ([route.name, ...route.aliases].includes(name)) return { route, instruct: false };
      if (route.instructAliases.includes(name)) return { route, instruct: true };
    }
    throw new GatewayError("model_not_found", "The model does not exist.", { param: "model" });
  }

  async facts(route: Route) {
    return route.template === plain ? null : { driver: "scripted", precision: "f16", contextLength: 512 };
  }

  placements(): readonly PlacementStatus[] {
    const loaded = {
      slots: 4,
      precision: "f16",
      contextLength: 512,
      busySlots: 1,
      waiting: 2,
      memoryBytes: 3,
      kvUsage: 0.25,
      restarts: 0,
    };
    return [{ id: "dolly/0", driver: "fake", state: "ready", progress: null, loaded }];
  }

  async load(route: Route) {
    this.operations.push(`load ${route.name}`);
  }

  async unload(route: Route) {
    this.operations.push(`unload ${route.name}`);
  }

  async ready() {
    return this.script.readiness ?? { ready: true, problems: {} };
  }

  async *generate(
    route: Route,
    prepare: (model: Model) => GenerationRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const request = prepare(this.#model(route));
    this.requests.push(request);
    this.running += 1;
    try {
      yield* this.#events(request, signal);
    } finally {
      this.running -= 1;
    }
  }

  async *#events(request: GenerationRequest, signal: AbortSignal) {
    const { prompt, choices, maxTokens, stopStrings } = request;
    this.script.begin?.();
    yield start(request);
    const answers = Array.from({ length: choices }, (_, index) => ({
      index,
      tokens: [...Buffer.from(this.script.answer?.(index) ?? " fine\n"), VOCABULARY - 1],
      stream: new TextStream<GeneratedToken>(stopStrings),
      open: true,
    }));
    for (let place = 0; answers.some(({ open }) => open); place += 1) {
      if (place < maxTokens) await this.script.before?.(place, signal);
      signal.throwIfAborted();
      for (const answer of answers.filter(({ open }) => open)) {
        const { index, stream } = answer;
        const id = answer.tokens[place];
        const full = place >= Math.min(maxTokens, 512 - prompt.length);
        const ended = full || id === undefined || request.stopTokens.includes(id);
        if (!full && id !== undefined) {
          this.generated += 1;
          yield {
            type: "token",
            index,
            ...stream.push(generated(id, request.logprobs, this.script.logprob?.(index))),
          } as const;
        }
        if (!ended && !stream.stopped) continue;
        answer.open = false;
        const rest = stream.finish();
        if (rest.text !== "" || rest.tokens.length > 0) yield { type: "token", index, ...rest } as const;
        const completionTokens = Math.min(place + (full ? 0 : 1), maxTokens);
        yield { type: "finish", index, reason: full ? "length" : "stop", completionTokens } as const;
      }
    }
  }

  async withModel<Result>(route: Route, use: (model: Model) => Result): Promise<Result> {
    return use(this.#model(route));
  }

  #model(route: Route): Model {
    return {
      name: route.name,
      contextLength: 512,
      vocabularySize: VOCABULARY,
      precision: "f16",
      controlTokens: CONTROLS,
      slots: 4,
      fingerprint: "abc123",
      endOfText: END_OF_TEXT,
      tokenize: ({ parts }) => parts.flatMap(idsOf),
      detokenize: (ids) => Buffer.concat(ids.map((id) => token(id).bytes)).toString(),
      token,
      status: () => ({ state: "ready", busySlots: 0, waiting: 0, memoryBytes: null, restarts: 0 }),
      controlToken: (text) => {
        const at = CONTROLS.indexOf(text);
        return at < 0 ? undefined : 256 + at;
      },
      generate: () => {
        throw new TypeError("the services generate");
      },
      check: async () => undefined,
      close: async () => undefined,
    };
  }
}

function idsOf(part: PromptPart): number[] {
  if ("special" in part) return [256 + CONTROLS.indexOf(part.special)];
  if ("text" in part) return [...Buffer.from(part.text)];
  if ("tokens" in part) {
    const outside = part.tokens.find((id) => id >= VOCABULARY);
    if (outside !== undefined) throw new GatewayError("invalid_value", `there is no token ${outside}`);
    return [...part.tokens];
  }
  const pieces = part.markup.split(/(<\|endoftext\|>|### End)/);
  return pieces.flatMap((piece) =>
    CONTROLS.includes(piece) ? [256 + CONTROLS.indexOf(piece)] : [...Buffer.from(piece)],
  );
}

const token = (id: number): Token =>
  id < 256
    ? { id, bytes: Uint8Array.of(id), control: false }
    : { id, bytes: Buffer.from(CONTROLS[id - 256] ?? ""), control: true };

/** One bit less likely for each place in the list. */
const alternatives = (id: number, count: number) =>
  Array.from({ length: count }, (_, rank) => ({
    ...token((id + rank) % 256),
    logprob: Math.log(0.5 ** (rank + 1)),
  }));

const generated = (id: number, logprobs: number | null, logprob = Math.log(0.5)): GeneratedToken =>
  logprobs === null ? token(id) : { ...token(id), logprob, top: alternatives(id, logprobs) };

function start({ prompt, promptLogprobs }: GenerationRequest): GenerationEvent {
  const head = { type: "start", promptTokens: prompt.length, cachedTokens: 0, queuedMs: 3 } as const;
  if (promptLogprobs === null) return head;
  const scored = prompt.map((id, place): PromptToken => {
    const unknown = place === 0;
    const top = unknown ? [] : alternatives(id, promptLogprobs);
    return { ...token(id), logprob: unknown ? null : Math.log(0.5), top };
  });
  return { ...head, promptLogprobs: scored };
}

import type { Driver, LoadContext } from "../core/driver.ts";
import type { MachineFacts } from "../core/machine.ts";
import type { PromptTemplate } from "../core/template.ts";
import { OperatorError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import { fromHub } from "../hub/hub-driver.ts";
import { withGpuCheck } from "../placement/gpu-check.ts";
import { whyNot } from "../placement/when.ts";
import type { Placement, Route } from "../routing/route.ts";
import { instructAliases } from "./names.ts";
import { placementParts } from "./placement-parts.ts";
import { judge } from "./planned.ts";
import { routingRules } from "./routing.ts";
import type { Config, ModelConfig } from "./schema.ts";

export interface RouteParts {
  readonly drivers: readonly Driver[];
  templateNamed(name: string): PromptTemplate | undefined;
  /** The template that fits a tokenizer's control strings. */
  chooseTemplate(controlTokens: readonly string[]): PromptTemplate;
  /** Folder against which relative paths of the config are resolved. */
  readonly folder: string;
  /** Where repositories that a placement names are fetched from; none: names are paths. */
  readonly hub?: Hub;
  /** What this machine has; asked only where a placement has conditions. */
  machine(): MachineFacts;
  /** The same with what its GPUs have free now: asked when a model is loaded. Undefined: none will be. */
  readonly machineNow?: () => Promise<MachineFacts>;
  /** Told of each placement whose conditions do not hold. */
  leftOut?(placement: { readonly id: string; readonly reason: string }): void;
  context(name: string, maxModelLen: number | undefined): LoadContext;
}

/**
 * The routes of a checked config, in its order. Reads the header of a model only where its template is to be chosen
 * from it; throws what the driver says where that cannot be read.
 */
export async function buildRoutes(config: Config, parts: RouteParts): Promise<Route[]> {
  const routes: Route[] = [];
  for (const [name, model] of Object.entries(config.models)) {
    const reasons: string[] = [];
    const placements = bindPlacements(name, model, {
      ...parts,
      leftOut(placement) {
        reasons.push(`${placement.id}: ${placement.reason}`);
        parts.leftOut?.(placement);
      },
    });
    if (placements.length === 0) {
      throw new OperatorError(
        `${name}: this machine has none of its placements (${reasons.join("; ")}); add one without \`when\`, or see \`dolly plan\``,
        { exitStatus: 2 },
      );
    }
    const template = await templateOf(name, model, placements, parts);
    routes.push({
      name,
      aliases: model.aliases,
      instructAliases: instructAliases(name, model),
      template,
      multiTurn: model.multi_turn,
      truncateHistory: model.truncate_history,
      defaults: {
        temperature: model.parameters.temperature ?? template.defaults.temperature,
        topP: model.parameters.top_p ?? template.defaults.topP,
        topK: model.parameters.top_k ?? template.defaults.topK,
        minP: model.parameters.min_p ?? template.defaults.minP,
        presencePenalty: model.parameters.presence_penalty ?? template.defaults.presencePenalty,
        frequencyPenalty: model.parameters.frequency_penalty ?? template.defaults.frequencyPenalty,
        maxTokens: model.parameters.max_tokens ?? template.defaults.maxTokens,
      },
      maxModelLen: model.max_model_len,
      maxLogprobs: model.max_logprobs,
      requestTimeout: model.request_timeout,
      preload: model.preload,
      ttl: model.ttl,
      placements,
      routing: routingRules(model, config.router_settings),
    });
  }
  return routes;
}

/** The placements of one model that this machine has, with their drivers bound and their relative paths resolved. */
export function bindPlacements(
  name: string,
  model: ModelConfig,
  {
    drivers,
    folder,
    hub,
    machine,
    machineNow,
    leftOut,
  }: Pick<RouteParts, "drivers" | "folder" | "hub" | "machine" | "machineNow" | "leftOut">,
): Placement[] {
  return model.placements.flatMap((placement, index) => {
    const id = `${name}/${index}`;
    const parts = placementParts(placement, drivers, folder);
    const { driver, weight, when, options, repository } = parts;
    const reason = when && whyNot(when, machine());
    if (reason !== undefined) {
      leftOut?.({ id, reason });
      return [];
    }
    const fetched = hub && repository;
    const bound = fetched ? fromHub(driver, options, fetched, hub) : driver.bind(options);
    const checked =
      machineNow === undefined || !driver.plan(options).memoryCheck
        ? bound
        : withGpuCheck(bound, {
            machineNow,
            need: async (now) => (await judge(name, model, parts, { hub, machine: now })).need,
          });
    return [{ id, index, weight, driver: checked }];
  });
}

/** What an engine was started with: while it stays the same, so may the engine. */
export function engineIdentity(model: ModelConfig, index: number): string {
  const { weight: _, when: _when, ...engine } = model.placements[index] ?? {};
  return JSON.stringify([engine, model.max_model_len ?? null]);
}

async function templateOf(
  name: string,
  model: ModelConfig,
  placements: readonly Placement[],
  { templateNamed, chooseTemplate, context }: RouteParts,
): Promise<PromptTemplate> {
  if (model.template !== undefined) {
    const named = templateNamed(model.template);
    if (named === undefined)
      throw new TypeError(`the schema let an unknown template through: ${model.template}`);
    return named;
  }
  let failure: unknown;
  for (const { driver } of placements) {
    try {
      const { controlTokens } = await driver.inspect(context(name, model.max_model_len));
      return chooseTemplate(controlTokens);
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure instanceof OperatorError) {
    throw new OperatorError(`${name}: ${failure.message}`, {
      cause: failure,
      exitStatus: failure.exitStatus,
    });
  }
  throw failure;
}

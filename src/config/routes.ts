import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Driver, LoadContext } from "../core/driver.ts";
import type { PromptTemplate } from "../core/template.ts";
import { OperatorError } from "../errors.ts";
import { type Hub, parseRepository, type Repository } from "../hub/hub.ts";
import { fromHub } from "../hub/hub-driver.ts";
import type { Placement, Route } from "../routing/route.ts";
import { instructAliases } from "./names.ts";
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
  context(name: string, maxModelLen: number | undefined): LoadContext;
}

/**
 * The routes of a checked config, in its order. Reads the header of a model only where its template is to be chosen
 * from it; throws what the driver says where that cannot be read.
 */
export async function buildRoutes(config: Config, parts: RouteParts): Promise<Route[]> {
  const routes: Route[] = [];
  for (const [name, model] of Object.entries(config.models)) {
    const placements = bindPlacements(name, model, parts);
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

/** The placements of one model with their drivers bound and their relative paths resolved. */
export function bindPlacements(
  name: string,
  model: ModelConfig,
  { drivers, folder, hub }: Pick<RouteParts, "drivers" | "folder" | "hub">,
): Placement[] {
  return model.placements.map((placement, index) => {
    const { driver: wanted, weight, ...options } = placement;
    const driver = drivers.find((candidate) => candidate.name === wanted);
    if (driver === undefined)
      throw new TypeError(`the schema let an unknown driver through: ${String(wanted)}`);
    if (typeof weight !== "number") throw new TypeError("the schema gives every placement a weight");
    const repository = hub && repositoryOf(options["model"], driver, folder);
    if (hub && repository)
      return { id: `${name}/${index}`, weight, driver: fromHub(driver, options, repository, hub) };
    for (const option of driver.paths) {
      const path = options[option];
      if (typeof path === "string") options[option] = resolve(folder, path);
    }
    return { id: `${name}/${index}`, weight, driver: driver.bind(options) };
  });
}

/** What an engine was started with: while it stays the same, so may the engine. */
export function engineIdentity(model: ModelConfig, index: number): string {
  const { weight: _, ...engine } = model.placements[index] ?? {};
  return JSON.stringify([engine, model.max_model_len ?? null]);
}

/** The repository that a placement's `model` names; undefined where it is a path, which one that exists always is. */
function repositoryOf(model: unknown, driver: Driver, folder: string): Repository | undefined {
  if (typeof model !== "string" || !driver.paths.includes("model") || existsSync(resolve(folder, model))) {
    return undefined;
  }
  return parseRepository(model);
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

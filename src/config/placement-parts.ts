import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Driver } from "../core/driver.ts";
import { parseRepository, type Repository } from "../hub/hub.ts";
import type { Condition } from "../placement/when.ts";
import type { ModelConfig } from "./schema.ts";

/** A placement of a checked config, taken apart. */
export interface PlacementParts {
  readonly driver: Driver;
  readonly weight: number;
  readonly when: Condition | undefined;
  /** The driver's own, with absolute paths. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Where the model may be one of the Hub's, since it is no path that exists. */
  readonly repository: Repository | undefined;
}

export function placementParts(
  placement: ModelConfig["placements"][number],
  drivers: readonly Driver[],
  folder: string,
): PlacementParts {
  const { driver: wanted, weight, when, ...options } = placement;
  const driver = drivers.find((candidate) => candidate.name === wanted);
  if (driver === undefined)
    throw new TypeError(`the schema let an unknown driver through: ${String(wanted)}`);
  if (typeof weight !== "number") throw new TypeError("the schema gives every placement a weight");
  const repository = repositoryOf(options["model"], driver, folder);
  for (const option of driver.paths) {
    const path = options[option];
    if (typeof path === "string") options[option] = resolve(folder, path);
  }
  return { driver, weight, when: isCondition(when) ? when : undefined, options, repository };
}

const isCondition = (when: unknown): when is Condition => typeof when === "object" && when !== null;

/** The repository that a placement's `model` names; undefined where it is a path, which one that exists always is. */
function repositoryOf(model: unknown, driver: Driver, folder: string): Repository | undefined {
  if (typeof model !== "string" || !driver.paths.includes("model") || existsSync(resolve(folder, model))) {
    return undefined;
  }
  return parseRepository(model);
}

import { z } from "zod";
import type { Driver } from "../core/driver.ts";
import type { KeyPath } from "./problem.ts";
import type { Config } from "./schema.ts";

/** `workers` of the configuration. */
export const workers = z
  .int()
  .min(1)
  .max(256)
  .default(1)
  .describe(
    "Processes that answer on the same port, for gateways that hand requests to other engines and need more than one core. Models that are computed here are loaded once in each and are refused with more than one.",
  );

export interface WorkerProblem {
  readonly path: KeyPath;
  readonly message: string;
}

/** What several processes cannot share, by the key that asks for it. */
export function workerProblems(config: Config, drivers: readonly Driver[]): WorkerProblem[] {
  if (config.workers === 1) return [];
  const problems = placementProblems(config, config.workers, drivers);
  if (config.responses.store === "memory") {
    problems.push({
      path: ["responses", "store"],
      message: `with workers: ${config.workers} a response kept in the memory of one process is unknown to the others; set responses.store to sqlite, which they share, or to none`,
    });
  }
  return problems;
}

/** Placements whose weights each of so many processes would load for itself. */
export function placementProblems(
  { models }: Pick<Config, "models">,
  count: number,
  drivers: readonly Driver[],
): WorkerProblem[] {
  const loading = drivers.filter(({ loadsWeights }) => loadsWeights).map(({ name }) => name);
  return Object.entries(models).flatMap(([name, { placements }]) =>
    placements.flatMap(({ driver }, index) =>
      typeof driver === "string" && loading.includes(driver)
        ? [
            {
              path: ["models", name, "placements", index, "driver"],
              message: `with workers: ${count} each of the ${count} processes would load the model; leave workers out, or run this placement in a gateway of its own and name that here as a placement of the driver openai`,
            },
          ]
        : [],
    ),
  );
}

import type { Driver } from "../core/driver.ts";
import type { MachineFacts } from "../core/machine.ts";
import type { ModelNeed, PlannedModel } from "../core/need.ts";
import { OperatorError } from "../errors.ts";
import { knownModel } from "../placement/shapes.ts";
import type { Condition } from "../placement/when.ts";
import { placementParts } from "./placement-parts.ts";
import type { ModelConfig } from "./schema.ts";

/** A placement of the config, as a plan judges it. */
export interface JudgedPlacement {
  readonly id: string;
  readonly driver: string;
  readonly when: Condition | undefined;
  judge(machine: MachineFacts): Promise<{
    readonly need: ModelNeed | string | undefined;
    readonly contextLength: number | null;
  }>;
}

/** The placements of a model, whether the machine has them or not. */
export function bindOptions(
  name: string,
  model: ModelConfig,
  { drivers, folder }: { drivers: readonly Driver[]; folder: string },
): JudgedPlacement[] {
  return model.placements.map((placement, index): JudgedPlacement => {
    const { driver, when, options, repository } = placementParts(placement, drivers, folder);
    return {
      id: `${name}/${index}`,
      driver: driver.name,
      when,
      async judge(machine) {
        const bound = driver.plan(options);
        const known = knownModel(repository?.id ?? name) ?? knownModel(name);
        const found = repository === undefined ? await bound.model().catch(unreadable) : undefined;
        const planned = typeof found === "object" ? found : known;
        if (planned === undefined) {
          const need = typeof found === "string" ? found : bound.need(NOTHING, machine);
          return { need, contextLength: model.max_model_len ?? null };
        }
        const contextLength = Math.min(
          planned.shape.contextLength,
          model.max_model_len ?? Number.POSITIVE_INFINITY,
        );
        const sized = { ...planned, shape: { ...planned.shape, contextLength } };
        return { need: bound.need(sized, machine), contextLength };
      },
    };
  });
}

/** For drivers that need nothing, whatever the model. */
const NOTHING: PlannedModel = {
  shape: {
    architecture: "gpt_neox",
    layers: 0,
    hiddenSize: 0,
    heads: 0,
    intermediateSize: 0,
    vocabularySize: 0,
    contextLength: 0,
  },
};

function unreadable(error: unknown): string {
  if (error instanceof OperatorError) return error.message;
  throw error;
}

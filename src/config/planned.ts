import type { Driver } from "../core/driver.ts";
import type { MachineFacts } from "../core/machine.ts";
import type { ModelNeed, PlannedModel } from "../core/need.ts";
import { OperatorError } from "../errors.ts";
import { type Hub, keptSnapshot } from "../hub/hub.ts";
import { pinned } from "../hub/lock.ts";
import { type PlanRow, plan } from "../placement/plan.ts";
import { knownModel } from "../placement/shapes.ts";
import { type PlacementParts, placementParts } from "./placement-parts.ts";
import type { ModelConfig } from "./schema.ts";

export interface PlanSources {
  readonly drivers: readonly Driver[];
  /** Where relative paths of the config start. */
  readonly folder: string;
  /** What is pulled is looked up there; undefined: nothing is. */
  readonly hub?: Pick<Hub, "cache" | "lock">;
}

/** What a placement needs on a machine; null: not known before it is pulled. The others: `PlannedPlacement`. */
export interface Judgement {
  readonly need: ModelNeed | string | null | undefined;
  readonly contextLength: number | null;
}

/** Judges the placements of a model, whether the machine has them or not. */
export async function planModel(
  name: string,
  model: ModelConfig,
  {
    drivers,
    folder,
    hub,
    machine,
    bandwidth,
  }: PlanSources & { readonly machine: MachineFacts; readonly bandwidth: number | null },
): Promise<PlanRow[]> {
  const placements = [];
  for (const [index, placement] of model.placements.entries()) {
    const parts = placementParts(placement, drivers, folder);
    placements.push({
      id: `${name}/${index}`,
      driver: parts.driver.name,
      when: parts.when,
      ...(await judge(name, model, parts, { hub, machine })),
    });
  }
  return plan(placements, machine, bandwidth);
}

/** What one placement of a model needs. */
export async function judge(
  name: string,
  model: ModelConfig,
  { driver, options, repository }: PlacementParts,
  { hub, machine }: { readonly hub: Pick<Hub, "cache" | "lock"> | undefined; readonly machine: MachineFacts },
): Promise<Judgement> {
  const kept = hub && repository && (await keptSnapshot(hub, await pinned(repository, hub.lock)));
  const here = repository === undefined || kept !== undefined;
  const bound = driver.plan(kept === undefined ? options : { ...options, model: kept });
  // A snapshot may be incomplete: it is gone on with when the model is loaded.
  const found = here ? await bound.model().catch(kept === undefined ? unreadable : nothing) : undefined;
  const known = knownModel(repository?.id ?? name) ?? knownModel(name);
  const planned = typeof found === "object" ? found : known;
  if (planned === undefined) {
    const need = typeof found === "string" ? found : bound.need(NOTHING, machine);
    return { need: typeof need === "object" ? null : need, contextLength: model.max_model_len ?? null };
  }
  const contextLength = Math.min(
    planned.shape.contextLength,
    model.max_model_len ?? Number.POSITIVE_INFINITY,
  );
  const sized = { ...planned, shape: { ...planned.shape, contextLength } };
  return { need: bound.need(sized, machine), contextLength };
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

const nothing = (): undefined => undefined;

function unreadable(error: unknown): string {
  if (error instanceof OperatorError) return error.message;
  throw error;
}

import { join } from "node:path";
import { planModel } from "../config/planned.ts";
import type { Driver } from "../core/driver.ts";
import type { MachineFacts } from "../core/machine.ts";
import { OperatorError } from "../errors.ts";
import { hubOf } from "../hub/hub.ts";
import { measureMainMemory } from "../machine/bandwidth.ts";
import { describedMachine } from "../machine/facts.ts";
import { gpuFrom } from "../machine/gpu-argument.ts";
import { thisMachine } from "../machine/this-machine.ts";
import type { PlanRow } from "../placement/plan.ts";
import { KNOWN_MODELS } from "../placement/shapes.ts";
import { cacheFolder } from "./cache-folder.ts";
import { configFromFile, type Surroundings } from "./config-source.ts";
import { packageFolder } from "./package.ts";
import { planTable } from "./plan-table.ts";
import type { Terminal } from "./terminal.ts";

export interface PlanFlags {
  readonly model?: string;
  readonly config?: string;
  readonly gpu?: string;
  readonly count?: string;
  readonly machine?: string;
  readonly thisMachine?: boolean;
  readonly json?: boolean;
}

/** Says which placement of each model a machine would use, what it takes there and how fast it may be. Throws OperatorError. */
export async function planCommand(
  flags: PlanFlags,
  {
    terminal,
    drivers,
    templates,
  }: { terminal: Terminal; drivers: readonly Driver[]; templates: readonly string[] },
): Promise<void> {
  const around: Surroundings = { env: terminal.env, cwd: terminal.cwd, drivers, templates };
  const configs = filesOf(flags).map((config) => configFromFile({ config }, around));
  const cacheDir = configs[0] === undefined ? "" : cacheFolder(configs[0], terminal);
  const { machine, bandwidth } = machineOf(flags, drivers, cacheDir);
  const models: { model: string; rows: PlanRow[] }[] = [];
  for (const { config, folder, lockFile } of configs) {
    const hub = hubOf(terminal.env, terminal.home, lockFile);
    for (const [name, model] of Object.entries(config.models)) {
      if (flags.model !== undefined && name !== flags.model && flags.config !== undefined) continue;
      models.push({
        model: name,
        rows: await planModel(name, model, { folder, drivers, hub, machine, bandwidth }),
      });
    }
  }
  if (models.length === 0) {
    throw new OperatorError(`--model: ${flags.config} has no model "${flags.model}"`, { exitStatus: 2 });
  }
  terminal.print(
    flags.json ? `${JSON.stringify({ machine, models }, null, 2)}\n` : planTable(machine, models),
  );
}

/** The config that was named, or the presets of the models that are meant. */
function filesOf({ config, model }: PlanFlags): string[] {
  if (config !== undefined) return [config];
  const known = Object.keys(KNOWN_MODELS);
  if (model !== undefined && !known.includes(model)) {
    throw new OperatorError(
      `--model: there is no preset for "${model}"; there are ${known.join(", ")}. Name your own with --config FILE.`,
      { exitStatus: 2 },
    );
  }
  return (model === undefined ? known : [model]).map((name) =>
    join(packageFolder, "config", "presets", `${name}.yaml`),
  );
}

function machineOf(
  { gpu, count, machine: file, thisMachine: own }: PlanFlags,
  drivers: readonly Driver[],
  cacheDir: string,
): { machine: MachineFacts; bandwidth: number | null } {
  const named = [gpu, file, own].filter((flag) => flag !== undefined && flag !== false);
  if (named.length > 1) {
    throw new OperatorError("give one of --gpu, --machine and --this-machine", { exitStatus: 2 });
  }
  if (file !== undefined) return { machine: describedMachine(file), bandwidth: null };
  const here = thisMachine(drivers, cacheDir)();
  if (gpu === undefined) {
    if (count !== undefined) throw new OperatorError("--count goes with --gpu", { exitStatus: 2 });
    return { machine: here, bandwidth: measureMainMemory() * Math.min(here.cores, 2) };
  }
  if (count !== undefined && !/^[1-9]\d?$/.test(count)) {
    throw new OperatorError(`--count: expected 1 to 99, found "${count}"`, { exitStatus: 2 });
  }
  const gpus = Array.from({ length: Number(count ?? 1) }, () => gpuFrom(gpu));
  return { machine: { ...here, gpus, providers: ["cuda", "onnx-cuda"] }, bandwidth: null };
}

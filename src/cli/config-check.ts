import { basename } from "node:path";
import { instructAliases } from "../config/names.ts";
import { placementParts } from "../config/placement-parts.ts";
import { bindPlacements } from "../config/routes.ts";
import type { Driver } from "../core/driver.ts";
import { openLock } from "../hub/lock.ts";
import { thisMachine } from "../machine/this-machine.ts";
import { cacheFolder } from "./cache-folder.ts";
import { configFromFile, type Surroundings } from "./config-source.ts";
import type { Terminal } from "./terminal.ts";

/** Validates a config file and says what it would serve; needs no weights. */
export async function checkConfig(
  file: string | undefined,
  terminal: Terminal,
  drivers: readonly Driver[],
  templates: readonly string[],
): Promise<void> {
  const around: Surroundings = { env: terminal.env, cwd: terminal.cwd, drivers, templates };
  const { config, folder, source, lockFile, warnings } = configFromFile(
    file === undefined ? {} : { config: file },
    around,
  );
  const machine = thisMachine(drivers, cacheFolder({ config, folder }, terminal));
  const lock = lockFile === undefined ? undefined : openLock(lockFile);
  const lines = [`${source}: valid`, `listens on ${config.host}, port ${config.port}`];
  for (const [name, model] of Object.entries(config.models)) {
    const template = model.template ?? "chosen from the tokenizer";
    lines.push(`${name}: template ${template}; ${model.preload ? "loaded at start" : "loaded at first use"}`);
    if (model.aliases.length > 0) lines.push(`  also ${model.aliases.join(", ")}`);
    const instruct = instructAliases(name, model);
    if (instruct.length > 0) lines.push(`  instruction completions as ${instruct.join(", ")}`);
    const left = new Map<string, string>();
    bindPlacements(name, model, {
      drivers,
      folder,
      machine,
      leftOut: ({ id, reason }) => left.set(id, reason),
    });
    for (const [index, placement] of model.placements.entries()) {
      const { driver, when, ...options } = placement;
      const reason = left.get(`${name}/${index}`);
      const here = reason === undefined ? "" : ` (not on this machine: ${reason})`;
      const { repository } = placementParts(placement, drivers, folder);
      const commit = repository && (await lock?.commit(repository));
      const at =
        lockFile === undefined || commit === undefined ? "" : `, at ${commit} (${basename(lockFile)})`;
      lines.push(`  ${driver}: ${JSON.stringify(options, withoutSecrets)}${at}${here}`);
    }
  }
  for (const { name, models } of config.api_keys ?? []) {
    lines.push(`key ${name}: ${models === null ? "every model" : models.join(", ")}`);
  }
  for (const warning of warnings) terminal.note(`${warning}\n`);
  terminal.print(`${lines.join("\n")}\n`);
}

/** Of the options of a driver, those whose names say that they are secret are not shown. */
const withoutSecrets = (name: string, value: unknown): unknown =>
  /(^|_)(key|secret|password|token|authorization)$/i.test(name) ? "(secret)" : value;
